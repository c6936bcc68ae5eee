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
from spikeloom.ops.feedforward import SCANNED, fake_gradients, fake_scanned, given_only, save_scanned
from spikeloom.ops.leave import Margins
from spikeloom.ops.scans import Layer, Record, Scanned, Upstream, added_up, columns_room, empty_words, scanned

_SPIKES = "Tensor ids, Tensor row_start, Tensor spike_count"
LAYER = (
    "Tensor recurrent, Tensor? bias, Tensor parameters, Tensor depth, Tensor? state, Tensor? spike, int steps, "
    "int neurons, str neuron, str surrogate, int limit, int seed"
)
SAVED = (
    "Tensor recurrent, Tensor parameters, Tensor[] record, Tensor? first_spike, Tensor? d_active, "
    "Tensor? d_last_state, Tensor? d_last_spike, int steps, int neurons, str neuron"
)
GRADIENTS = "Tensor d_bias, Tensor d_parameters, Tensor d_state, Tensor d_spike, Tensor d_recurrent)"


@torch.library.custom_op(
    "spikeloom::recurrent",
    mutates_args=(),
    device_types="cpu",
    schema=f"({_SPIKES}, Tensor active, Tensor weight, {LAYER}) -> {SCANNED}",
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
    return tuple(scan_recurrent(source, recurrent, layer, state, spike, spike_count.shape[0] // steps))


def scan_recurrent(
    source: Any, recurrent: Tensor, layer: Layer, state: Tensor | None, spike: Tensor | None, batch: int
) -> Scanned:
    """Run the neurons, which hear each other, on a source of currents; the arguments are those of `scan_forward`."""
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
    schema=f"({_SPIKES}, Tensor weight, {SAVED}, bool want_input) -> (Tensor d_input, Tensor d_weight, {GRADIENTS}",
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
    return fake_recurrent(parameters, spike_count.shape[0] // steps, steps, neurons, neuron, limit)


def fake_recurrent(parameters: Tensor, batch: int, *sizes: Any) -> tuple[Tensor, ...]:
    """The shapes of `Scanned`, for torch's tracers."""
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


def _setup(ctx, inputs, output):
    ids, row_start, spike_count, _, weight, recurrent, _, parameters = inputs[:8]
    save_scanned(ctx, inputs, output, first=(ids, row_start, spike_count, weight, recurrent, parameters))


def _backward(ctx, *upstream):
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


recurrent.register_autograd(_backward, setup_context=_setup)
