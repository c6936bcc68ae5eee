"""Layers of neurons that hear each other: see `ops.recurrent` and `ops.recurrent_dense`."""

import torch
from torch import Tensor

from spikeloom.kernels.cuda import owners
from spikeloom.kernels.cuda import recurrent as kernel
from spikeloom.kernels.cuda.sources import Gathered, Stored
from spikeloom.ops.arrays import BLOCK
from spikeloom.ops.cuda.dense import multiply, read
from spikeloom.ops.cuda.rows import columns, mask_of
from spikeloom.ops.cuda.scans import (
    by_parameter,
    contiguous,
    d_spikes,
    gradients,
    kept_bits,
    scanned,
    scattered,
    words,
)
from spikeloom.ops.dense import NUMBER_TYPES, by_steps
from spikeloom.ops.recurrent import recurrent, recurrent_backward
from spikeloom.ops.recurrent_dense import recurrent_dense, recurrent_dense_backward
from spikeloom.ops.scans import Layer, Record, Scanned, Upstream


def _scan_forward(
    source: Stored | Gathered,
    weight: Tensor,
    bias: Tensor | None,
    layer: Layer,
    state: Tensor | None,
    spike: Tensor | None,
    *,
    batch: int,
) -> Scanned:
    like, equations = layer.parameters, layer.equations
    spikes, near = words(layer, batch)
    blocks, rows, size = *spikes.shape, like.shape[1]
    last_state, last_spike = like.new_empty(equations.states, batch, size), like.new_empty(batch, size)
    history = like.new_empty(len(equations.kept), rows, size)
    entries = like.new_empty(blocks, batch, dtype=torch.int64)
    slope = like.new_empty(blocks, batch, layer.steps * BLOCK)
    kernel.forward(
        equations, layer.surrogate, source, weight, bias, like, layer.depth, contiguous(state), contiguous(spike),
        steps=layer.steps, batch=batch, neurons=layer.neurons, spikes=spikes, near=near, slope=slope, entries=entries,
        last_state=last_state, last_spike=last_spike, history=history, listed=_lists(batch, size, like.device),
    )  # fmt: skip
    left = scanned(layer, spikes, near, last_state, last_spike, slope, entries, history)
    return left._replace(entry_end=left.entry_end.flatten())


def _lists(batch: int, size: int, device: torch.device) -> Tensor:
    """Room for the ids of two steps of each sample."""
    return torch.empty(batch, 2, size, dtype=torch.int32, device=device)


def _scan_backward(
    layer: Layer,
    record: Record,
    upstream: Upstream,
    weight: Tensor,
    d_recurrent: Tensor,
    d_current: Tensor,
) -> tuple[Tensor, ...]:
    """The gradients by bias, parameters, states, first spikes and `recurrent`; `d_current` `[R, N]` is written."""
    equations, size = layer.equations, d_current.shape[1]
    batch = len(d_current) // layer.steps
    d_bias, d_learned, d_state, d_spike = gradients(layer, batch)
    kernel.backward(
        equations, weight, layer.parameters, record.spikes, record.near, kept_bits(record),
        contiguous(record.first_spike), record.slope, record.entry_end, record.history,
        d_spikes(record, upstream, None, layer.steps, size), contiguous(upstream.last_state),
        contiguous(upstream.last_spike), steps=layer.steps, batch=batch,
        d_current=by_steps(d_current, layer.steps, by_sample=True), d_bias=d_bias, d_learned=d_learned,
        d_state=d_state, d_spike=d_spike, listed=_lists(batch, size, d_current.device),
    )  # fmt: skip
    # A spike is heard one step later, in the next row; one of the last step is not heard in this call.
    heard = mask_of(record.spikes).view(batch, layer.steps, size)[:, :-1].nonzero()  # [K, 3]
    places = heard[:, 0] * layer.steps + heard[:, 1] + 1
    owners.backward(*columns(heard[:, 2].contiguous(), places, weight.shape[1]), d_current, d_recurrent)
    if record.first_spike is not None:
        first = d_current.view(batch, layer.steps, size)[:, 0]  # [B, N]
        # The weights between the neurons, [N, N], a row for each that is heard.
        d_recurrent += multiply(record.first_spike.T, first, low=False).view(size, -1, BLOCK).transpose(0, 1)
        d_spike += multiply(first, weight.transpose(0, 1).reshape(size, -1).T, low=False)
    return d_bias.sum(0), by_parameter(layer, d_learned), d_state, d_spike, d_recurrent


@recurrent.on("cuda")
def _recurrent(
    ids, row_start, spike_count, active, weight, shadow, recurrent, recurrent_shadow, bias, parameters, depth, state,
    spike, steps, neurons, neuron, surrogate, limit, seed,
):  # fmt: skip
    layer = Layer(neuron, neurons, steps, parameters, depth, surrogate, limit, seed)
    source, inner = Gathered(read(weight, shadow), ids, row_start, spike_count), read(recurrent, recurrent_shadow)
    return tuple(_scan_forward(source, inner, bias, layer, state, spike, batch=len(spike_count) // steps))


@recurrent_backward.on("cuda")
def _recurrent_backward(
    ids, row_start, spike_count, weight, shadow, recurrent, recurrent_shadow, parameters, record, first_spike, d_active,
    d_last_state, d_last_spike, steps, neurons, neuron, want_input,
):  # fmt: skip
    layer = Layer(neuron, neurons, steps, parameters, parameters)
    saved = Record(*record)._replace(first_spike=first_spike)
    d_current = weight.new_empty(len(spike_count), parameters.shape[1])
    upstream = Upstream(d_active, d_last_state, d_last_spike)
    inner = read(recurrent, recurrent_shadow)
    others = _scan_backward(layer, saved, upstream, inner, torch.empty_like(recurrent), d_current)
    d_weight = torch.empty_like(weight)
    d_input = scattered(read(weight, shadow), ids, row_start, spike_count, d_current, d_weight, want_input=want_input)
    return d_input, d_weight, *others


@recurrent_dense.on("cuda")
def _recurrent_dense(
    current, recurrent, recurrent_shadow, bias, parameters, depth, state, spike, steps, neurons, neuron, surrogate,
    limit, seed,
):  # fmt: skip
    layer = Layer(neuron, neurons, steps, parameters, depth, surrogate, limit, seed)
    inner = read(recurrent, recurrent_shadow)
    return tuple(_scan_forward(Stored(current), inner, bias, layer, state, spike, batch=current.shape[1]))


@recurrent_dense_backward.on("cuda")
def _recurrent_dense_backward(
    recurrent, recurrent_shadow, parameters, record, first_spike, d_active, d_last_state, d_last_spike, steps, neurons,
    neuron, low, by_sample,
):  # fmt: skip
    layer = Layer(neuron, neurons, steps, parameters, parameters)
    saved = Record(*record)._replace(first_spike=first_spike)
    d_rows = parameters.new_empty(saved.spikes.shape[1], parameters.shape[1])
    upstream = Upstream(d_active, d_last_state, d_last_spike)
    inner = read(recurrent, recurrent_shadow)
    others = _scan_backward(layer, saved, upstream, inner, torch.empty_like(recurrent), d_rows)
    d_current = by_steps(d_rows, steps, by_sample=True)
    if not by_sample:
        d_current = d_current.contiguous()
    return d_current.to(NUMBER_TYPES[low]), *others
