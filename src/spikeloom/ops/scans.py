"""What the sparse and the dense route of a feed-forward layer share: the scan of the neurons, forward and backward."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spikeloom.neurons import Equations, from_text
from spikeloom.ops.arrays import (
    BLOCK,
    array,
    block_parts,
    blocks_of,
    chunk_bounds,
    flat,
    kernels,
    lasting,
    room,
    run,
    sample_groups,
    scratch,
    silence,
    spike_words,
    unsigned,
    valid_words,
    width,
    zeros,
)
from spikeloom.ops.leave import Margins, leave, unlisted
from spikeloom.ops.pool import recycled

SMALL_SUM = 1 << 18
"""So many numbers are added up on one thread before another could wake."""

SMALL_SCAN = 1 << 10
"""So many steps of a block are done on one thread before another could wake, which takes some 150 microseconds."""


@dataclass(frozen=True)
class Layer:
    """What a scan has to know of its layer.

    Args:
        neuron: its equations as text, see `neurons.Equations`.
        neurons: how many, N.
        steps: T.
        parameters: `[P, N]`, N rounded up to whole blocks of 64 here and below.
        depth: `[N]`, the margin from which on a neuron is in its gradient window.
        surrogate: its spec.
        limit: how many ids a row may have; 0 for no limit.
        seed: of the choice among too many.
    """

    neuron: str
    neurons: int
    steps: int
    parameters: Tensor
    depth: Tensor
    surrogate: str = ""
    limit: int = 0
    seed: int = 0

    @property
    def equations(self) -> Equations:
        """Of the neuron."""
        return from_text(self.neuron)

    def start(self, batch: int) -> Tensor:
        """The states `[S, B, N]` from which neurons start: zeros."""
        return silence(self.equations.states, batch, self.parameters.shape[1])

    def history(self, batch: int) -> Tensor:
        """Room for what the neurons keep for their backward pass, `[K, B * T, N]`."""
        shape = (len(self.equations.kept), batch * self.steps, self.parameters.shape[1])
        # On huge pages, 85 MB of these cost a step 20 ms instead of 36.
        return recycled(*shape)

    def by_parameter(self, d_learned: Tensor) -> Tensor:
        """The gradients by all parameters `[P, N]`, of those by the learned ones `[L, N]`; zeros for the others."""
        d_parameters = zeros(*self.parameters.shape)
        if self.equations.learned:
            d_parameters[list(self.equations.learned)] = d_learned
        return d_parameters


class Scanned(NamedTuple):
    """What a scan leaves: rows of ids, the last state, and what its backward pass needs."""

    active: Tensor  # first, since torch's checker of operators sums an operator's outputs into the first
    ids: Tensor
    row_start: Tensor
    spike_count: Tensor
    last_state: Tensor
    last_spike: Tensor
    dropped: Tensor
    spikes: Tensor
    near: Tensor
    kept: Tensor
    slope: Tensor
    entry_end: Tensor
    history: Tensor


def empty_words(neurons: int, rows: int) -> tuple[Tensor, Tensor]:
    """Room for the bits of a scan: who spiked, who was near; `[N / 64, R]`."""
    shape = (blocks_of(neurons), rows)
    return torch.empty(shape, dtype=torch.int64), torch.empty(shape, dtype=torch.int64)


def scan_forward(
    source: Any,
    layer: Layer,
    state: Tensor | None,
    spike: Tensor | None,
    *,
    batch: int,
    raster: Any = None,
    listed: bool = True,
) -> Scanned:
    """Run the neurons on a source of currents.

    Args:
        source: of currents.
        layer: its sizes and numbers.
        state: `[S, B, N]` before the first step, None for zeros.
        spike: `[B, N]`, the spikes before the first step, None for none.
        batch: B.
        raster: a sink for the spikes as zeros and ones; None for none.
        listed: whether to list ids.
    """
    blocks = blocks_of(layer.neurons)
    state = layer.start(batch) if state is None else state
    rows, groups = batch * layer.steps, sample_groups(blocks, batch)
    spikes, near = empty_words(layer.neurons, rows)
    # Room for the worst case: what is not written takes no memory.
    margins = lasting("margins", blocks, (rows + groups) * BLOCK)
    entries = np.empty((blocks, batch), np.int64)
    last_state, last_spike = torch.empty_like(state), torch.empty(state.shape[1:])
    history = layer.history(batch)
    run(
        kernels("scan").forward,
        width(),
        layer.equations,
        source,
        array(layer.parameters),
        array(layer.depth),
        valid_words(layer.neurons),
        array(state),
        spike_words(spike, blocks, batch),
        layer.steps,
        batch,
        groups,
        unsigned(spikes),
        unsigned(near),
        margins,
        entries,
        array(last_state),
        array(last_spike),
        array(history),
        raster or kernels("sources").Nowhere(),
        small=blocks * rows <= SMALL_SCAN,
    )
    entry_end = np.cumsum(entries.reshape(-1)).reshape(blocks, batch)
    firsts = np.arange(groups) * batch // groups
    start = np.ascontiguousarray((entry_end - entries)[:, firsts])
    end = np.ascontiguousarray(entry_end[:, np.append(firsts[1:], batch) - 1])
    packed = Margins(margins, (firsts * layer.steps + np.arange(groups)) * BLOCK, start, end)
    return scanned(layer, spikes, near, last_state, last_spike, packed, entry_end, history, listed=listed)


def scanned(
    layer: Layer,
    spikes: Tensor,
    near: Tensor,
    last_state: Tensor,
    last_spike: Tensor,
    margins: Margins,
    entry_end: np.ndarray,
    history: Tensor,
    *,
    listed: bool = True,
) -> Scanned:
    """What a scan leaves, from the bits, states and margins that it wrote."""
    if listed:
        left = leave(spikes, near, margins, layer.surrogate, limit=layer.limit, seed=layer.seed)
    else:
        left = unlisted(spikes, near, margins, layer.surrogate)
    return Scanned(
        left.active,
        left.ids,
        left.row_start,
        left.spike_count,
        last_state,
        last_spike,
        left.dropped,
        spikes,
        near,
        left.kept,
        left.slope,
        torch.from_numpy(entry_end),
        history,
    )


class Record(NamedTuple):
    """What the backward pass needs of the forward pass; see `Scanned`."""

    row_start: Tensor
    spike_count: Tensor
    spikes: Tensor
    near: Tensor
    kept: Tensor
    slope: Tensor
    entry_end: Tensor
    history: Tensor
    first_spike: Tensor | None = None


class Upstream(NamedTuple):
    """The loss's derivatives by what a layer returned, None for those that nothing depends on."""

    active: Tensor | None
    last_state: Tensor | None
    last_spike: Tensor | None
    raster: Any = None
    """By zeros and ones, as `sources.Written`."""


def scattered(
    weight: Tensor,
    shadow: Tensor | None,
    ids: Tensor,
    row_start: Tensor,
    spike_count: Tensor,
    steps: int,
    *,
    parts: int,
    want_input: bool,
) -> tuple[Any, Tensor, Tensor]:
    """A sink for the gradients by weights and inputs of a layer that hears rows of ids.

    Returns:
        The sink, and where it leaves the gradients: by the weights `[N / 64, I, 64]`, by the inputs `[K]`.
    """
    batch = spike_count.shape[0] // steps
    groups = sample_groups(weight.shape[0], batch)
    bounds = chunk_bounds(groups, batch, steps)
    d_weight = recycled(*weight.shape)
    d_input = weight.new_empty(ids.shape[0] if want_input else 0)
    threads = torch.get_num_threads()
    sink = kernels("sources").Scattered(
        weights(weight, shadow),
        sums(d_weight, groups),
        weight.shape[1],
        unsigned(ids),
        unsigned(row_start),
        unsigned(spike_count),
        columns_room(len(bounds) - 1, weight.shape[1], ids.shape[0]),
        scratch(threads * int(np.diff(bounds).max()) * steps * BLOCK).reshape(threads, -1),
        np.zeros(1, np.int64),
        sums(d_input, parts),
    )
    return sink, d_weight, d_input


def sums(total: Tensor, parts: int) -> Any:
    """Room for so many parts of a sum; one part is the sum itself."""
    flat_total = flat(total)
    each = flat_total[None] if parts == 1 else room(parts, flat_total.size)
    return kernels("sources").Sums(each, flat_total)


def columns_room(chunks: int, inputs: int, spikes: int) -> Any:
    """Room for the places of a batch's spikes by neuron."""
    return kernels("columns").Columns(np.empty((chunks, inputs + 1), np.uint32), np.empty(spikes, np.uint32))


def weights(weight: Tensor, shadow: Tensor | None) -> np.ndarray:
    """What the gathers of a step read: the weights, or their shadow in bfloat16."""
    return flat(weight) if shadow is None else unsigned(shadow).reshape(-1)


def scan_backward(sink: Any, layer: Layer, record: Record, upstream: Upstream, *, parts: int) -> tuple[Tensor, ...]:
    """Run the adjoint; the sink takes the gradients by the currents.

    Returns:
        The gradients by the bias `[N]`, by the parameters `[P, N]`, by the state `[S, B, N]` and by the spikes `[B, N]`
        before the first step.
    """
    (blocks, rows), neurons = record.spikes.shape, layer.parameters.shape[1]
    equations, batch = layer.equations, rows // layer.steps
    groups = sample_groups(blocks, batch)
    bounds = chunk_bounds(groups, batch, layer.steps)
    kept = record.kept if record.kept.numel() else record.near
    d_last_state = given(upstream.last_state, equations.states, batch, neurons)
    d_last_spike = given(upstream.last_spike, batch, neurons)
    chunks, entries = len(bounds) - 1, record.slope.shape[0]
    d_active = np.empty(0, np.float32) if upstream.active is None else array(upstream.active.contiguous())
    d_entry = array(recycled(entries if len(d_active) else 0))
    d_bias, d_learned = torch.empty(chunks, neurons), torch.empty(chunks, len(equations.learned), neurons)
    d_state, d_spike = torch.empty(equations.states, batch, neurons), torch.empty(batch, neurons)
    run(
        kernels("scan").backward,
        width(),
        equations,
        sink,
        array(layer.parameters),
        unsigned(record.spikes),
        unsigned(record.near),
        unsigned(kept),
        spike_words(record.first_spike, blocks, batch),
        array(record.row_start),
        array(record.spike_count),
        array(record.entry_end),
        array(record.slope),
        array(record.history),
        d_active,
        d_entry,
        upstream.raster or kernels("sources").Nowhere(),
        array(d_last_state),
        array(d_last_spike),
        layer.steps,
        batch,
        parts,
        groups,
        bounds,
        np.zeros(2, np.int64),
        array(d_bias),
        array(d_learned),
        array(d_state),
        array(d_spike),
        small=blocks * rows <= SMALL_SCAN,
    )
    return added_up(d_bias), layer.by_parameter(added_up(d_learned)), d_state, d_spike


def given(gradient: Tensor | None, *shape: int) -> Tensor:
    """The gradient, contiguous, or zeros where there is none; to read."""
    return silence(*shape) if gradient is None else gradient.contiguous()


def added_up(parts: Tensor) -> Tensor:
    """The sum of `[P, ...]` over its parts, in their order."""
    if parts.shape[0] == 1:
        return parts[0]
    if parts.numel() < SMALL_SUM:
        return torch.from_numpy(array(parts).sum(0))
    total = torch.empty(parts.shape[1:])
    run(kernels("rows").add_up, array(parts).reshape(parts.shape[0], -1), array(total).reshape(-1))
    return total


def parts_for(layer: Layer, *, want_input: bool) -> int:
    """How many parts the blocks of a layer are cut into for its backward pass."""
    return block_parts(blocks_of(layer.neurons), shared_sums=want_input)
