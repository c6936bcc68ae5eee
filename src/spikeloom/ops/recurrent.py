"""A layer of spiking neurons that hear each other, through all time steps."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikeloom.ops.adjoint import Adjoint, lists_room, stretches_of
from spikeloom.ops.arrays import (
    BLOCK,
    array,
    block_parts,
    flat,
    kernels,
    lasting,
    run,
    scratch,
    spike_words,
    unsigned,
    valid_words,
    width,
    zeros,
)
from spikeloom.ops.feedforward import SCANNED, fake_gradients, fake_scanned, given_only, save_scanned
from spikeloom.ops.leave import Margins
from spikeloom.ops.operator import operator
from spikeloom.ops.pool import recycled
from spikeloom.ops.scans import Layer, Record, Scanned, Upstream, added_up, empty_words, scanned, weights
from spikeloom.ops.together import Together, cut, stretch_of, team, together

CURRENT_ROWS = 2048
"""So many rows of a block's currents are summed ahead of the neurons, so that a block's weights are read once."""

_SPIKES = "Tensor ids, Tensor row_start, Tensor spike_count"
LAYER = (
    "Tensor recurrent, Tensor? recurrent_shadow, Tensor? bias, Tensor parameters, Tensor depth, Tensor? state, "
    "Tensor? spike, "
    "int steps, int neurons, str neuron, str surrogate, int limit, int seed"
)
SAVED = (
    "Tensor recurrent, Tensor? recurrent_shadow, Tensor parameters, Tensor[] record, Tensor? first_spike, "
    "Tensor? d_active, Tensor? d_last_state, Tensor? d_last_spike, int steps, int neurons, str neuron"
)
GRADIENTS = "Tensor d_bias, Tensor d_parameters, Tensor d_state, Tensor d_spike, Tensor d_recurrent)"


@operator("recurrent", f"({_SPIKES}, Tensor active, Tensor weight, Tensor? shadow, {LAYER}) -> {SCANNED}")
def recurrent(
    ids,
    row_start,
    spike_count,
    active,
    weight,
    shadow,
    recurrent,
    recurrent_shadow,
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
    """As `ops.feedforward`, with weights `recurrent` `[N / 64, N, 64]` between the neurons: I[t] has V S[t-1] added.

    `recurrent_shadow` is to these what `shadow` is to `weight`.
    """
    layer = Layer(neuron, neurons, steps, parameters, depth, surrogate, limit, seed)
    bias = weight.new_zeros(parameters.shape[1]) if bias is None else bias
    source = kernels("sources").Gathered(
        weights(weight, shadow), weight.shape[1], flat(bias), unsigned(ids), unsigned(row_start), unsigned(spike_count)
    )
    order = together(weight.shape[0], spike_count.shape[0] // steps, steps, dense=False)
    return tuple(scan_recurrent(source, weights(recurrent, recurrent_shadow), layer, state, spike, order))


def scan_recurrent(
    source: Any,
    recurrent: np.ndarray,
    layer: Layer,
    state: Tensor | None,
    spike: Tensor | None,
    order: Together,
) -> Scanned:
    """Run the neurons, which hear each other, on a source of currents.

    Args:
        source: of the currents from outside.
        recurrent: flat `[N / 64, N, 64]`, what the gathers read.
        layer: its sizes and numbers.
        state: `[S, B, N]` before the first step, None for zeros.
        spike: `[B, N]`, the spikes before the first step, None for none.
        order: in which samples and blocks are taken.
    """
    batch, steps = order.batch, layer.steps
    state = layer.start(batch) if state is None else state
    spikes, near = empty_words(layer.neurons, batch * steps)
    units, largest = order.groups * order.units, max(end - first for first, end in order.bounds())
    # Room for the worst case: what is not written takes no memory.
    margins = lasting("margins", units, (-(-largest // order.slices) * steps + 1) * BLOCK)
    entries, last_state, history = np.empty(units, np.int64), torch.empty_like(state), layer.history(batch)
    for group, (first, end) in enumerate(order.bounds()):
        # Currents that are there already are not made ahead.
        summed = isinstance(source, kernels("sources").Gathered)
        stretch = stretch_of(CURRENT_ROWS, end - first, steps)
        mine = order.of_group(group)
        run(
            kernels("recurrent").forward,
            width(),
            layer.equations,
            source,
            recurrent,
            array(layer.parameters),
            array(layer.depth),
            valid_words(layer.neurons),
            array(state),
            spike_words(spike, order.blocks, batch),
            steps,
            first,
            end,
            order.slices,
            stretch,
            team(steps + -(-steps // stretch)),
            _room(end - first, stretch, summed, layer),
            unsigned(spikes),
            unsigned(near),
            margins[mine],
            entries[mine],
            array(last_state),
            array(history),
        )
    entry_end = np.cumsum(entries)
    packed = Margins(margins, np.zeros(1, np.int64), (entry_end - entries)[:, None], entry_end[:, None])
    last_spike = _last_spikes(spikes, steps)
    return scanned(layer, spikes, near, last_state, last_spike, packed, entry_end, history)


def _last_spikes(spikes: Tensor, steps: int) -> Tensor:
    """`[B, N]` zeros and ones: who spiked at the last step."""
    last = np.ascontiguousarray(array(spikes)[:, steps - 1 :: steps].T)  # [B, N / 64]
    bits = np.unpackbits(last.view(np.uint8), axis=1, bitorder="little")
    return torch.from_numpy(bits.astype(np.float32))


def _room(samples: int, stretch: int, summed: bool, layer: Layer) -> Any:
    """The forward kernel's `Room`; `summed` where currents from outside are made ahead."""
    neurons = layer.parameters.shape[1]
    sizes = stretch * samples * neurons if summed else 0, layer.equations.states * samples * neurons
    fired = np.empty((stretch + 1, neurons // BLOCK, samples), np.uint64)
    return kernels("recurrent").Room(*cut(scratch(sum(sizes)), *sizes), fired, np.empty_like(fired[1:]))


@operator(
    "recurrent_backward",
    f"({_SPIKES}, Tensor weight, Tensor? shadow, {SAVED}, bool want_input) -> "
    f"(Tensor d_input, Tensor d_weight, {GRADIENTS}",
)
def recurrent_backward(
    ids,
    row_start,
    spike_count,
    weight,
    shadow,
    recurrent,
    recurrent_shadow,
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
    d_weight, inputs, batch = recycled(*weight.shape), weight.shape[1], spike_count.shape[0] // steps
    order = together(weight.shape[0], batch, steps, dense=False)
    parts = block_parts(weight.shape[0], shared_sums=want_input)
    d_input = zeros(parts, ids.shape[0] if want_input else 0)
    layer = Layer(neuron, neurons, steps, parameters, parameters)
    saved = Record(*record)._replace(first_spike=first_spike)
    adjoint = Adjoint(
        layer, saved, Upstream(d_active, d_last_state, d_last_spike), (recurrent, recurrent_shadow), order
    )
    for group, (first, end) in enumerate(order.bounds()):
        outside = kernels("adjoint").Input(
            unsigned(ids),
            unsigned(row_start),
            unsigned(spike_count),
            weights(weight, shadow),
            flat(d_weight),
            lists_room("outer_places", stretches_of(steps, end - first), inputs, ids.shape[0]),
            array(d_input),
        )
        adjoint.run(outside, group, parts=parts)
    return added_up(d_input), d_weight, *adjoint.gradients()


@recurrent.register_fake
def _fake(
    ids,
    row_start,
    spike_count,
    active,
    weight,
    shadow,
    recurrent,
    recurrent_shadow,
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
    order = together(weight.shape[0], spike_count.shape[0] // steps, steps, dense=False)
    return fake_recurrent(parameters, order, steps, neurons, neuron, limit)


def fake_recurrent(parameters: Tensor, order: Together, *sizes: Any) -> tuple[Tensor, ...]:
    """The shapes of `Scanned`; in how many parts the entries come, each kind of device decides for itself."""
    *others, _, history = fake_scanned(parameters, order.batch, *sizes)
    parts = torch.library.get_ctx().new_dynamic_size()
    return *others, parameters.new_empty(parts, dtype=torch.int64), history


@recurrent_backward.register_fake
def _fake_backward(
    ids,
    row_start,
    spike_count,
    weight,
    shadow,
    recurrent,
    recurrent_shadow,
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
    ids, row_start, spike_count, _, *weights, _, parameters = inputs[:10]
    save_scanned(ctx, inputs, output, first=(ids, row_start, spike_count, *weights, parameters))


def _backward(ctx, *upstream):
    *first, parameters = ctx.saved_tensors[:8]
    *record, first_spike = ctx.saved_tensors[8:]
    want = ctx.needs_input_grad[3]
    d_input, d_weight, *d_others, d_recurrent = recurrent_backward(
        *first, parameters, record, first_spike, upstream[0], *upstream[4:6], *ctx.sizes, want
    )
    d_weights = d_weight, None, d_recurrent, None
    return None, None, None, d_input if want else None, *given_only(ctx, d_weights, *d_others)


recurrent.register_autograd(_backward, setup_context=_setup)
