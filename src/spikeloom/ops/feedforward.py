"""A layer of spiking neurons without connections among themselves, through all time steps: the sparse route."""

import torch
from torch import Tensor

from spikeloom.neurons import from_text
from spikeloom.ops.arrays import blocks_of, flat, kernels, unsigned
from spikeloom.ops.operator import operator
from spikeloom.ops.scans import (
    Layer,
    Record,
    Scanned,
    Upstream,
    parts_for,
    scan_backward,
    scan_forward,
    scattered,
    weights,
)

SCANNED = (
    "(Tensor active, Tensor ids, Tensor row_start, Tensor spike_count, Tensor last_state, Tensor last_spike, "
    "Tensor dropped, Tensor spikes, Tensor near, Tensor kept, Tensor slope, Tensor entry_end, Tensor history)"
)
_FORWARD = (
    "(Tensor ids, Tensor row_start, Tensor spike_count, Tensor active, Tensor weight, Tensor? shadow, "
    "Tensor? bias, Tensor parameters, Tensor depth, Tensor? state, Tensor? spike, "
    "int steps, int neurons, str neuron, str surrogate, int limit, int seed) -> "
)
_BACKWARD = (
    "(Tensor ids, Tensor row_start, Tensor spike_count, Tensor weight, Tensor? shadow, Tensor parameters, "
    "Tensor[] record, Tensor? first_spike, Tensor? d_active, Tensor? d_last_state, Tensor? d_last_spike, "
    "int steps, int neurons, str neuron, bool want_input) "
    "-> (Tensor d_input, Tensor d_weight, Tensor d_bias, Tensor d_parameters, Tensor d_state, Tensor d_spike)"
)


@operator("feedforward", _FORWARD + SCANNED)
def feedforward(
    ids,
    row_start,
    spike_count,
    active,
    weight,
    shadow,
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
    """Currents from the rows of the inputs' ids, then the neurons' scan.

    Args:
        ids: `[K]` int32; with `row_start` `[B * T + 1]`, `spike_count` `[B * T]`, `active` `[K]` as in `Spikes`.
        row_start: see `ids`.
        spike_count: see `ids`.
        active: see `ids`; the gradient by the inputs comes in its place.
        weight: `[N / 64, I, 64]` float32: block by block, a row for each input.
        shadow: the weights as `ops.shadow` rounds them, which are read in place of `weight`; or None.
        bias: `[N]` or None; N is rounded up to whole blocks of 64 here and below.
        parameters: `[P, N]`, in the order of the neuron's.
        depth: `[N]`, the margin from which on a neuron is in its gradient window.
        state: `[S, B, N]`, before the first step; None for zeros.
        spike: `[B, N]` zeros and ones, before the first step; None for zeros.
        steps: T.
        neurons: N without the padding.
        neuron: its equations as text, see `neurons.Equations`.
        surrogate: spec of the surrogate, see `surrogates.from_spec`.
        limit: how many ids a row may have; 0 for no limit.
        seed: of the choice among too many.

    Returns:
        What `Scanned` lists.
    """
    layer = Layer(neuron, neurons, steps, parameters, depth, surrogate, limit, seed)
    bias = weight.new_zeros(parameters.shape[1]) if bias is None else bias
    source = kernels("sources").Gathered(
        weights(weight, shadow), weight.shape[1], flat(bias), unsigned(ids), unsigned(row_start), unsigned(spike_count)
    )
    return tuple(scan_forward(source, layer, state, spike, batch=spike_count.shape[0] // steps))


def fake_scanned(
    parameters: Tensor, batch: int, steps: int, neurons: int, neuron: str, limit: int
) -> tuple[Tensor, ...]:
    """The shapes of `Scanned`, for torch's tracers."""
    context = torch.library.get_ctx()
    entries, window = context.new_dynamic_size(), context.new_dynamic_size()
    rows, size = batch * steps, parameters.shape[1]
    words, equations = (blocks_of(neurons), rows), from_text(neuron)
    return (
        parameters.new_empty(entries),
        parameters.new_empty(entries, dtype=torch.int32),
        parameters.new_empty(rows + 1, dtype=torch.int64),
        parameters.new_empty(rows, dtype=torch.int32),
        parameters.new_empty(equations.states, batch, size),
        parameters.new_empty(batch, size),
        parameters.new_empty((), dtype=torch.int64),
        parameters.new_empty(words, dtype=torch.int64),
        parameters.new_empty(words, dtype=torch.int64),
        parameters.new_empty(words if limit else (0,), dtype=torch.int64),
        parameters.new_empty(window),
        parameters.new_empty(words[0], batch, dtype=torch.int64),
        parameters.new_empty(len(equations.kept), rows, size),
    )


@feedforward.register_fake
def _fake(
    ids,
    row_start,
    spike_count,
    active,
    weight,
    shadow,
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
    return fake_scanned(parameters, spike_count.shape[0] // steps, steps, neurons, neuron, limit)


@operator("feedforward_backward", _BACKWARD)
def feedforward_backward(
    ids,
    row_start,
    spike_count,
    weight,
    shadow,
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
    """The gradients of `feedforward`: in the inputs' windows, in the weight rows of inputs that spiked."""
    layer = Layer(neuron, neurons, steps, parameters, parameters)
    saved = Record(*record)._replace(first_spike=first_spike)
    parts = parts_for(layer, want_input=want_input)
    sink, d_weight, d_input = scattered(
        weight, shadow, ids, row_start, spike_count, steps, parts=parts, want_input=want_input
    )
    others = scan_backward(sink, layer, saved, Upstream(d_active, d_last_state, d_last_spike), parts=parts)
    return d_input, d_weight, *others


@feedforward_backward.register_fake
def _fake_backward(
    ids,
    row_start,
    spike_count,
    weight,
    shadow,
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
    return (
        weight.new_empty(ids.shape[0] if want_input else 0),
        *fake_gradients(weight, parameters, spike_count.shape[0] // steps, neuron),
    )


def fake_gradients(weight, parameters, batch, neuron):
    """The shapes of the gradients by weight, bias, parameters, state and first spikes."""
    neurons = parameters.shape[1]
    return (
        torch.empty_like(weight),
        weight.new_empty(neurons),
        torch.empty_like(parameters),
        weight.new_empty(from_text(neuron).states, batch, neurons),
        weight.new_empty(batch, neurons),
    )


def save_scanned(context, inputs, outputs, *, first):
    """Save the tensors `first`, how many they are, what `Record` lists, and the layer's sizes."""
    scanned = Scanned(*outputs[: len(Scanned._fields)])
    context.set_materialize_grads(False)
    bias, (state, spike, steps, neurons, neuron) = inputs[-11], inputs[-8:-3]
    given = (bias is not None, bool(from_text(neuron).learned), state is not None, spike is not None)
    context.sizes, context.given = (steps, neurons, neuron), given
    context.save_for_backward(
        *first,
        scanned.row_start,
        scanned.spike_count,
        scanned.spikes,
        scanned.near,
        scanned.kept,
        scanned.slope,
        scanned.entry_end,
        scanned.history,
        spike,
    )
    context.mark_non_differentiable(scanned.slope, scanned.history)


def given_only(ctx, d_weights, d_bias, d_parameters, d_state, d_spike):
    """The gradients in the order of the operators' arguments from `weight` on, None for what was not given."""
    bias, learned, state, spike = ctx.given
    numbers = (d_bias if bias else None, d_parameters if learned else None, None)
    inner = (*numbers, d_state if state else None, d_spike if spike else None)
    return *d_weights, *inner, *[None] * 6


def _setup(ctx, inputs, output):
    ids, row_start, spike_count, _, weight, shadow, _, parameters = inputs[:8]
    save_scanned(ctx, inputs, output, first=(ids, row_start, spike_count, weight, shadow, parameters))


def _backward(ctx, *upstream):
    ids, row_start, spike_count, weight, shadow, parameters, *record, first_spike = ctx.saved_tensors
    want_input = ctx.needs_input_grad[3]
    d_input, d_weight, *d_others = feedforward_backward(
        ids,
        row_start,
        spike_count,
        weight,
        shadow,
        parameters,
        record,
        first_spike,
        upstream[0],
        *upstream[4:6],
        *ctx.sizes,
        want_input,
    )
    return None, None, None, d_input if want_input else None, *given_only(ctx, (d_weight, None), *d_others)


feedforward.register_autograd(_backward, setup_context=_setup)
