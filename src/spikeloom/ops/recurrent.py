"""A layer of spiking neurons that hear each other, through all time steps."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikeloom.ops.adjoint import CHUNKS, Adjoint, chunk_size
from spikeloom.ops.arrays import (
    BLOCK,
    array,
    block_parts,
    flat,
    kernels,
    run,
    spike_words,
    unsigned,
    valid_words,
    width,
    zeros,
)
from spikeloom.ops.dense import as_weights, by_rows, by_steps, columns, currents, stored
from spikeloom.ops.feedforward import SCANNED, fake_gradients, fake_scanned, given_only, save_scanned
from spikeloom.ops.leave import Margins
from spikeloom.ops.scans import Layer, Record, Scanned, Upstream, added_up, columns_room, empty_words, scanned

_SPIKES = "Tensor ids, Tensor row_start, Tensor spike_count"
_LAYER = (
    "Tensor weight, Tensor recurrent, Tensor? bias, Tensor parameters, Tensor depth, Tensor? state, Tensor? spike, "
    "int steps, int neurons, str neuron, str surrogate, int limit, int seed"
)
_SAVED = (
    "Tensor weight, Tensor recurrent, Tensor parameters, Tensor[] record, Tensor? first_spike, "
    "Tensor? d_active, Tensor? d_last_state, Tensor? d_last_spike, int steps, int neurons, str neuron, bool want_input"
)
_GRADIENTS = (
    "(Tensor d_input, Tensor d_weight, Tensor d_bias, Tensor d_parameters, Tensor d_state, Tensor d_spike, "
    "Tensor d_recurrent)"
)


@torch.library.custom_op(
    "spikeloom::recurrent",
    mutates_args=(),
    device_types="cpu",
    schema=f"({_SPIKES}, Tensor active, {_LAYER}) -> {SCANNED}",
)
def recurrent(
    ids,
    row_start,
    spike_count,
    active,
    weight,
    recurrent,
    bias,
    parameters,
    depth,
    state,
    spike,
    steps,
    neurons,
    neuron,
    surrogate,
    limit,
    seed,
):
    """As `ops.feedforward`, with weights `recurrent` `[N / 64, N, 64]` between the neurons: I[t] has V S[t-1] added."""
    layer = Layer(neuron, neurons, steps, parameters, depth, surrogate, limit, seed)
    bias = weight.new_zeros(parameters.shape[1]) if bias is None else bias
    source = kernels("sources").Gathered(
        flat(weight), weight.shape[1], flat(bias), unsigned(ids), unsigned(row_start), unsigned(spike_count)
    )
    return tuple(_forward(source, recurrent, layer, state, spike, spike_count.shape[0] // steps))


@torch.library.custom_op(
    "spikeloom::recurrent_dense", mutates_args=(), device_types="cpu", schema=f"(Tensor x, {_LAYER}) -> {SCANNED}"
)
def recurrent_dense(
    x, weight, recurrent, bias, parameters, depth, state, spike, steps, neurons, neuron, surrogate, limit, seed
):
    """As `recurrent`, for a dense input `x` `[T, B, I]`: its product is dense, that between the neurons sparse."""
    layer = Layer(neuron, neurons, steps, parameters, depth, surrogate, limit, seed)
    source = kernels("sources").Stored(*stored(currents(by_rows(x), weight, bias)))
    return tuple(_forward(source, recurrent, layer, state, spike, x.shape[1]))


def _forward(
    source: Any, recurrent: Tensor, layer: Layer, state: Tensor | None, spike: Tensor | None, batch: int
) -> Scanned:
    state = layer.start(batch) if state is None else state
    neurons = state.shape[2]
    spikes, near = empty_words(layer.neurons, batch * layer.steps)
    # Room for the worst case: what is not written takes no memory.
    margins = torch.empty(batch, layer.steps * neurons + BLOCK)
    entries, last_state, history = np.empty(batch, np.int64), torch.empty_like(state), layer.history(batch)
    run(
        kernels("recurrent").forward,
        width(),
        layer.equations,
        source,
        flat(recurrent),
        array(layer.parameters),
        array(layer.depth),
        valid_words(layer.neurons),
        array(state),
        spike_words(spike, recurrent.shape[0], batch),
        layer.steps,
        batch,
        _together(batch, layer.steps, neurons),
        unsigned(spikes),
        unsigned(near),
        array(margins),
        entries,
        array(last_state),
        array(history),
    )
    entry_end = np.cumsum(entries)
    packed = Margins(array(margins), np.zeros(1, np.int64), (entry_end - entries)[:, None], entry_end[:, None])
    return scanned(layer, spikes, near, last_state, packed, entry_end, history)


def _together(batch: int, steps: int, neurons: int) -> int:
    """How many samples a task takes: as many as have room for their currents, and enough tasks for all threads."""
    room: int = kernels("recurrent").ROOM // (steps * neurons)
    return max(1, min(room, batch // (4 * torch.get_num_threads())))


@torch.library.custom_op(
    "spikeloom::recurrent_backward",
    mutates_args=(),
    device_types="cpu",
    schema=f"({_SPIKES}, {_SAVED}) -> {_GRADIENTS}",
)
def recurrent_backward(
    ids,
    row_start,
    spike_count,
    weight,
    recurrent,
    parameters,
    record,
    first_spike,
    d_active,
    d_last_state,
    d_last_spike,
    steps,
    neurons,
    neuron,
    want_input,
):
    """The gradients of `recurrent`."""
    d_weight, inputs, batch = zeros(*weight.shape), weight.shape[1], spike_count.shape[0] // steps
    parts = block_parts(weight.shape[0], shared_sums=want_input)
    d_input = zeros(parts, ids.shape[0] if want_input else 0)
    # Sums run over samples and steps in their order, so no bit of them depends on the chunks.
    chunk = chunk_size(batch, steps, parameters.shape[1])
    outside = kernels("adjoint").Input(
        unsigned(ids),
        unsigned(row_start),
        unsigned(spike_count),
        flat(weight),
        flat(d_weight),
        columns_room(-(-batch // chunk), inputs, ids.shape[0]),
        array(d_input),
    )
    layer = Layer(neuron, neurons, steps, parameters, parameters)
    saved = Record(*record)._replace(first_spike=first_spike)
    adjoint = Adjoint(layer, saved, Upstream(d_active, d_last_state, d_last_spike), recurrent)
    adjoint.run(outside, 0, batch, chunk=chunk, parts=parts, d_current=adjoint.room(min(batch, CHUNKS * chunk)))
    return added_up(d_input), d_weight, *adjoint.gradients()


@torch.library.custom_op(
    "spikeloom::recurrent_dense_backward",
    mutates_args=(),
    device_types="cpu",
    schema=f"(Tensor x, {_SAVED}) -> {_GRADIENTS}",
)
def recurrent_dense_backward(
    x,
    weight,
    recurrent,
    parameters,
    record,
    first_spike,
    d_active,
    d_last_state,
    d_last_spike,
    steps,
    neurons,
    neuron,
    want_input,
):
    """The gradients of `recurrent_dense`."""
    rows, blocks, batch = by_rows(x), weight.shape[0], x.shape[1]
    d_columns, d_rows = zeros(rows.shape[1], parameters.shape[1]), torch.empty_like(rows if want_input else rows[:0])
    none, few, row_start = np.empty(0, np.uint32), np.empty(0, np.float32), np.zeros(1, np.uint64)
    d_input = np.empty((1, 0), np.float32)
    outside = kernels("adjoint").Input(none, row_start, none, few, few, columns_room(1, 0, 0), d_input)
    layer = Layer(neuron, neurons, steps, parameters, parameters)
    saved = Record(*record)._replace(first_spike=first_spike)
    adjoint = Adjoint(layer, saved, Upstream(d_active, d_last_state, d_last_spike), recurrent)
    chunk = min(batch, 8)
    d_current = adjoint.room(chunk)
    for first in range(0, batch, chunk):
        samples = min(chunk, batch - first)
        adjoint.run(outside, first, first + samples, chunk=samples, parts=blocks, d_current=d_current[:samples])
        part = slice(first * steps, (first + samples) * steps)
        d_part = d_current[:samples].transpose(1, 2).reshape(samples * steps, -1)  # [b * T, N]
        d_columns.addmm_(rows[part].T, d_part)
        if want_input:
            torch.mm(d_part, columns(weight).T, out=d_rows[part])
    d_weight = as_weights(d_columns, weight)
    return by_steps(d_rows, steps) if want_input else d_rows, d_weight, *adjoint.gradients()


@recurrent.register_fake
def _fake(
    ids,
    row_start,
    spike_count,
    active,
    weight,
    recurrent,
    bias,
    parameters,
    depth,
    state,
    spike,
    steps,
    neurons,
    neuron,
    surrogate,
    limit,
    seed,
):
    return _fake_recurrent(parameters, spike_count.shape[0] // steps, steps, neurons, neuron, limit)


@recurrent_dense.register_fake
def _fake_dense(
    x, weight, recurrent, bias, parameters, depth, state, spike, steps, neurons, neuron, surrogate, limit, seed
):
    return _fake_recurrent(parameters, x.shape[1], steps, neurons, neuron, limit)


def _fake_recurrent(parameters: Tensor, batch: int, *sizes: Any) -> tuple[Tensor, ...]:
    *others, _, history = fake_scanned(parameters, batch, *sizes)
    return *others, parameters.new_empty(batch, dtype=torch.int64), history


@recurrent_backward.register_fake
def _fake_backward(
    ids,
    row_start,
    spike_count,
    weight,
    recurrent,
    parameters,
    record,
    first_spike,
    d_active,
    d_last_state,
    d_last_spike,
    steps,
    neurons,
    neuron,
    want_input,
):
    d_input = weight.new_empty(ids.shape[0] if want_input else 0)
    return (
        d_input,
        *fake_gradients(weight, parameters, spike_count.shape[0] // steps, neuron),
        torch.empty_like(recurrent),
    )


@recurrent_dense_backward.register_fake
def _fake_dense_backward(
    x,
    weight,
    recurrent,
    parameters,
    record,
    first_spike,
    d_active,
    d_last_state,
    d_last_spike,
    steps,
    neurons,
    neuron,
    want_input,
):
    d_input = x.new_empty(x.shape if want_input else (0, x.shape[2]))
    return d_input, *fake_gradients(weight, parameters, x.shape[1], neuron), torch.empty_like(recurrent)


def _setup(ctx, inputs, output):
    ids, row_start, spike_count, _, weight, recurrent, _, parameters = inputs[:8]
    save_scanned(ctx, inputs, output, first=(ids, row_start, spike_count, weight, recurrent, parameters))


def _setup_dense(ctx, inputs, output):
    x, weight, recurrent, _, parameters = inputs[:5]
    save_scanned(ctx, inputs, output, first=(x, weight, recurrent, parameters))


def _backward_sparse(ctx, *upstream):
    ids, row_start, spike_count, weight, recurrent, parameters, *record, first_spike = ctx.saved_tensors
    want = ctx.needs_input_grad[3]
    d_input, d_weight, *d_others, d_recurrent = recurrent_backward(
        ids,
        row_start,
        spike_count,
        weight,
        recurrent,
        parameters,
        record,
        first_spike,
        upstream[0],
        *upstream[4:6],
        *ctx.sizes,
        want,
    )
    return None, None, None, d_input if want else None, *given_only(ctx, (d_weight, d_recurrent), *d_others)


def _backward_dense(ctx, *upstream):
    x, weight, recurrent, parameters, *record, first_spike = ctx.saved_tensors
    want = ctx.needs_input_grad[0]
    d_input, d_weight, *d_others, d_recurrent = recurrent_dense_backward(
        x, weight, recurrent, parameters, record, first_spike, upstream[0], *upstream[4:6], *ctx.sizes, want
    )
    return d_input if want else None, *given_only(ctx, (d_weight, d_recurrent), *d_others)


recurrent.register_autograd(_backward_sparse, setup_context=_setup)
recurrent_dense.register_autograd(_backward_dense, setup_context=_setup_dense)
