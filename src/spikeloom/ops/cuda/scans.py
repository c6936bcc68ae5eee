"""The scan of the neurons, forward and backward: see `ops.scans`."""

import torch
from torch import Tensor

from spikeloom.kernels.cuda import inputs, owners, scan
from spikeloom.kernels.cuda.sources import Gathered, Stored
from spikeloom.ops.arrays import BLOCK, blocks_of
from spikeloom.ops.cuda.leave import capped, rows_of
from spikeloom.ops.cuda.rows import columns, mask_of, row_of_entries, spiking
from spikeloom.ops.scans import Layer, Record, Scanned, Upstream


def words(layer: Layer, batch: int) -> tuple[Tensor, Tensor]:
    """Room for the bits of a scan: who spiked, who was near."""
    shape = (blocks_of(layer.neurons), batch * layer.steps)
    like = layer.parameters
    return like.new_empty(shape, dtype=torch.int64), like.new_empty(shape, dtype=torch.int64)


def scan_forward(
    source: Stored | Gathered,
    bias: Tensor | None,
    layer: Layer,
    state: Tensor | None,
    spike: Tensor | None,
    *,
    batch: int,
    raster: Tensor | None = None,
    listed: bool = True,
) -> Scanned:
    """Run the neurons on a source of currents; as `ops.scans.scan_forward`.

    Where ids are not listed, slopes are kept for all neurons and steps, so that nothing has a size that the GPU has to
    be asked for.
    """
    like, equations = layer.parameters, layer.equations
    spikes, near = words(layer, batch)
    blocks, rows, size = *spikes.shape, like.shape[1]
    last_state, last_spike = like.new_empty(equations.states, batch, size), like.new_empty(batch, size)
    history = like.new_empty(len(equations.kept), rows, size)
    entries = like.new_empty(blocks, batch, dtype=torch.int64) if listed else None
    if listed:
        slope = like.new_empty(blocks, batch, layer.steps * BLOCK)
    else:
        slope = like.new_empty(rows, size, dtype=torch.float32 if raster is None else raster.dtype)
    scan.forward(
        equations, layer.surrogate, source, bias, like, layer.depth, contiguous(state), contiguous(spike),
        steps=layer.steps, batch=batch, neurons=layer.neurons, spikes=spikes, near=near, slope=slope, entries=entries,
        raster=raster, last_state=last_state, last_spike=last_spike, history=history,
    )  # fmt: skip
    return scanned(layer, spikes, near, last_state, last_spike, slope, entries, history)


def scanned(
    layer: Layer,
    spikes: Tensor,
    near: Tensor,
    last_state: Tensor,
    last_spike: Tensor,
    slope: Tensor,
    entries: Tensor | None,
    history: Tensor,
) -> Scanned:
    """What a scan leaves; where there are no `entries`, ids stay unlisted."""
    kept, dropped = near.new_empty(0), near.new_zeros(())
    if layer.limit:
        kept, dropped = capped(spikes, near, limit=layer.limit, seed=layer.seed)
    if entries is None:
        assert not layer.limit, "a cap is chosen from lists"
        ids, row_start, active = near.new_empty(0, dtype=torch.int32), near.new_zeros(1), slope.new_empty(0).float()
        spike_count = mask_of(spikes).sum(1, dtype=torch.int32)
        packed, entry_end = slope.flatten(), near.new_zeros(spikes.shape[0], last_spike.shape[0])
    else:
        active, ids, row_start, spike_count = rows_of(spikes, kept if layer.limit else near)
        entry_end = entries.flatten().cumsum(0).view(entries.shape)
        packed = slope[torch.arange(slope.shape[2], device=slope.device) < entries[:, :, None]]
    return Scanned(
        active, ids, row_start, spike_count, last_state, last_spike, dropped, spikes, near, kept, packed, entry_end,
        history,
    )  # fmt: skip


def scan_backward(
    layer: Layer, record: Record, upstream: Upstream, d_current: Tensor, d_raster: Tensor | None = None
) -> tuple[Tensor, ...]:
    """Run the adjoint, which writes the gradients by the currents; the others as `ops.scans.scan_backward` gives them.

    Args:
        layer: its sizes and numbers.
        record: what the forward pass left.
        upstream: the loss's derivatives by what the layer returned.
        d_current: `[T, B, N]`, written.
        d_raster: `[T, B, N]` or None, by the spikes as zeros and ones.
    """
    equations, batch, size = layer.equations, d_current.shape[1], d_current.shape[2]
    d_bias, d_learned, d_state, d_spike = gradients(layer, batch)
    listed = record.slope.numel() != record.spikes.numel() * BLOCK
    scan.backward(
        equations, layer.parameters, record.spikes, record.near, kept_bits(record), contiguous(record.first_spike),
        record.slope, record.entry_end if listed else None, record.history,
        d_spikes(record, upstream, d_raster, layer.steps, size), contiguous(upstream.last_state),
        contiguous(upstream.last_spike), steps=layer.steps, batch=batch, d_current=d_current, d_bias=d_bias,
        d_learned=d_learned, d_state=d_state, d_spike=d_spike,
    )  # fmt: skip
    return d_bias.sum(0), by_parameter(layer, d_learned), d_state, d_spike


def gradients(layer: Layer, batch: int) -> tuple[Tensor, ...]:
    """Room for the gradients by bias and learned parameters of each sample, by states and by first spikes."""
    equations, size = layer.equations, layer.parameters.shape[1]
    shapes = ((batch,), (batch, len(equations.learned)), (equations.states, batch), (batch,))
    return tuple(layer.parameters.new_empty(*shape, size) for shape in shapes)


def by_parameter(layer: Layer, d_learned: Tensor) -> Tensor:
    """The gradients by all parameters `[P, N]`, of those `[B, L, N]` of each sample by the learned ones."""
    d_parameters = torch.zeros_like(layer.parameters)
    for place, parameter in enumerate(layer.equations.learned):
        # One by one: a list of places would be copied to the GPU, which no CUDA graph can capture.
        d_parameters[parameter] = d_learned[:, place].sum(0)
    return d_parameters


def kept_bits(record: Record) -> Tensor:
    """The window entries that left the layer."""
    return record.kept if record.kept.numel() else record.near


def d_spikes(record: Record, upstream: Upstream, d_raster: Tensor | None, steps: int, size: int) -> Tensor | None:
    """`[T, B, N]`, the loss's derivative by the spikes that left the layer; None for zeros."""
    if upstream.active is None or not upstream.active.numel():
        return d_raster
    # Entries in the order of rows: of each those that spiked, then those only near.
    kept, fired = mask_of(kept_bits(record)), mask_of(record.spikes)
    fired &= kept
    place = torch.cat([fired, kept & ~fired], 1).flatten().nonzero()[:, 0]
    spread = upstream.active.new_zeros(kept.shape[0], 2 * size).flatten().scatter_(0, place, upstream.active)
    by_row = spread.view(-1, 2, size).sum(1)  # [R, N]
    whole = by_row.view(-1, steps, size).transpose(0, 1)
    return whole if d_raster is None else whole + d_raster


def contiguous(x: Tensor | None) -> Tensor | None:
    """The same, contiguous."""
    return None if x is None else x.contiguous()


def scattered(
    weight: Tensor,
    ids: Tensor,
    row_start: Tensor,
    spike_count: Tensor,
    d_current: Tensor,
    d_weight: Tensor,
    *,
    want_input: bool,
) -> Tensor:
    """Write the gradients by the weights, and give those by the inputs of a layer that hears rows of ids, `[K]`.

    Args:
        weight: `[N / 64, I, 64]`, what the forward pass has read.
        ids: `[K]`, with `row_start` and `spike_count` as in `Spikes`.
        row_start: see `ids`.
        spike_count: see `ids`.
        d_current: `[R, N]`.
        d_weight: as the weights, written.
        want_input: whether there is a gradient by the inputs; else `[0]`.
    """
    rows = row_of_entries(row_start, len(ids))
    # Inputs that were only near had no part in the sum.
    heard = torch.where(spiking(rows, row_start, spike_count), ids, weight.shape[1])
    owners.backward(*columns(heard, rows, weight.shape[1]), d_current, d_weight)
    d_input = d_current.new_empty(len(ids) if want_input else 0)
    if want_input:
        inputs.backward(weight, ids, row_start, d_current, d_input)
    return d_input
