"""A layer of neurons that do not spike, with a dense output at every step."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikeloom.neurons import from_text
from spikeloom.ops.arrays import (
    BLOCK,
    array,
    block_parts,
    blocks_of,
    chunk_bounds,
    flat,
    kernels,
    run,
    sample_groups,
    unsigned,
    width,
)
from spikeloom.ops.dense import layout_of, room_for, stored, written
from spikeloom.ops.feedforward import fake_gradients
from spikeloom.ops.feedforward_dense import fake_current_gradients
from spikeloom.ops.operator import operator
from spikeloom.ops.scans import SMALL_SCAN, Layer, added_up, given, scattered

_LAYER = "Tensor? bias, Tensor parameters, Tensor? state, int outputs, int steps, str neuron"
_SAVED = "Tensor parameters, Tensor history, Tensor? d_out, Tensor? d_last_state, int outputs, int steps, str neuron"
_SPIKES = "Tensor ids, Tensor row_start, Tensor spike_count"
_OUT = "(Tensor out, Tensor last_state, Tensor history)"
_GRADIENTS = "Tensor d_bias, Tensor d_parameters, Tensor d_state)"


def _forward(source: Any, layer: Layer, state: Tensor | None, batch: int) -> tuple[Tensor, Tensor, Tensor]:
    blocks = layer.parameters.shape[1] // BLOCK
    out, history = torch.empty(layer.steps, batch, layer.neurons), layer.history(batch)
    state = layer.start(batch) if state is None else state
    last_state = torch.empty_like(state)
    run(
        kernels("readout").forward,
        width(),
        layer.equations,
        source,
        array(layer.parameters),
        array(state),
        layer.steps,
        batch,
        sample_groups(blocks, batch),
        array(out),
        array(last_state),
        array(history),
        small=blocks * batch * layer.steps <= SMALL_SCAN,
    )
    return out, last_state, history


def _run_backward(
    sink: Any,
    layer: Layer,
    history: Tensor,
    d_out: Tensor | None,
    d_last_state: Tensor | None,
    *,
    batch: int,
    parts: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients by the bias, the parameters and the state before the first step."""
    neurons, equations = layer.parameters.shape[1], layer.equations
    groups = sample_groups(neurons // BLOCK, batch)
    bounds = chunk_bounds(groups, batch, layer.steps)
    chunks, d_state = len(bounds) - 1, torch.empty(equations.states, batch, neurons)
    d_bias, d_learned = torch.empty(chunks, neurons), torch.empty(chunks, len(equations.learned), neurons)
    run(
        kernels("readout").backward,
        width(),
        equations,
        sink,
        array(layer.parameters),
        array(history),
        array(given(d_out, layer.steps, batch, layer.neurons)),
        array(given(d_last_state, *d_state.shape)),
        layer.steps,
        batch,
        parts,
        groups,
        bounds,
        np.zeros(2, np.int64),
        array(d_bias),
        array(d_learned),
        array(d_state),
        small=neurons // BLOCK * batch * layer.steps <= SMALL_SCAN,
    )
    return added_up(d_bias), layer.by_parameter(added_up(d_learned)), d_state


@operator("readout", f"({_SPIKES}, Tensor active, Tensor weight, {_LAYER}) -> {_OUT}")
def readout(ids, row_start, spike_count, active, weight, bias, parameters, state, outputs, steps, neuron):
    """Currents from the rows of the inputs' ids, then the neurons' scan.

    Args:
        ids: `[K]` int32; with `row_start` `[B * T + 1]`, `spike_count` `[B * T]`, `active` `[K]` as in `Spikes`.
        row_start: see `ids`.
        spike_count: see `ids`.
        active: see `ids`; the gradient by the inputs comes in its place.
        weight: `[N / 64, I, 64]` float32: block by block, a row for each input.
        bias: `[N]` or None; N is rounded up to whole blocks of 64 here and below.
        parameters: `[P, N]`, in the order of the neuron's.
        state: `[S, B, N]`, before the first step; None for zeros.
        outputs: C, N without the padding.
        steps: T.
        neuron: its equations as text, see `neurons.Equations`.

    Returns:
        The output `[T, B, C]`, the state after the last step, and what the backward pass needs.
    """
    bias = weight.new_zeros(parameters.shape[1]) if bias is None else bias
    source = kernels("sources").Gathered(
        flat(weight), weight.shape[1], flat(bias), unsigned(ids), unsigned(row_start), unsigned(spike_count)
    )
    return _forward(source, Layer(neuron, outputs, steps, parameters, parameters), state, spike_count.shape[0] // steps)


@operator("readout_dense", f"(Tensor current, {_LAYER}) -> {_OUT}")
def readout_dense(current, bias, parameters, state, outputs, steps, neuron):
    """As `readout`, for the currents `[T, B, N]` that `ops.currents` or `ops.currents_of_spikes` gives."""
    source = kernels("sources").Stored(*stored(current, bias))
    return _forward(source, Layer(neuron, outputs, steps, parameters, parameters), state, current.shape[1])


@operator(
    "readout_backward",
    f"({_SPIKES}, Tensor weight, {_SAVED}, bool want_input) -> (Tensor d_input, Tensor d_weight, {_GRADIENTS}",
)
def readout_backward(
    ids, row_start, spike_count, weight, parameters, history, d_out, d_last_state, outputs, steps, neuron, want_input
):
    """The gradients of `readout`."""
    batch = spike_count.shape[0] // steps
    parts = block_parts(weight.shape[0], shared_sums=want_input)
    sink, d_weight, d_input = scattered(
        weight, None, ids, row_start, spike_count, steps, parts=parts, want_input=want_input
    )
    layer = Layer(neuron, outputs, steps, parameters, parameters)
    others = _run_backward(sink, layer, history, d_out, d_last_state, batch=batch, parts=parts)
    return d_input, d_weight, *others


@operator(
    "readout_dense_backward", f"({_SAVED}, int batch, bool low, bool by_sample) -> (Tensor d_current, {_GRADIENTS}"
)
def readout_dense_backward(parameters, history, d_out, d_last_state, outputs, steps, neuron, batch, low, by_sample):
    """The gradients of `readout_dense`; those by the currents come in the number type and layout of these."""
    d_current = room_for(steps, batch, parameters.shape[1], low, by_sample)
    sink, layer = kernels("sources").Written(*written(d_current)), Layer(neuron, outputs, steps, parameters, parameters)
    parts = blocks_of(outputs)
    return d_current, *_run_backward(sink, layer, history, d_out, d_last_state, batch=batch, parts=parts)


def _fake_out(parameters, batch, outputs, steps, neuron):
    equations, size = from_text(neuron), parameters.shape[1]
    return (
        parameters.new_empty(steps, batch, outputs),
        parameters.new_empty(equations.states, batch, size),
        parameters.new_empty(len(equations.kept), batch * steps, size),
    )


def _fake_gradients(weight, parameters, batch, neuron):
    *gradients, _ = fake_gradients(weight, parameters, batch, neuron)
    return tuple(gradients)


@readout.register_fake
def _fake(ids, row_start, spike_count, active, weight, bias, parameters, state, outputs, steps, neuron):
    return _fake_out(parameters, spike_count.shape[0] // steps, outputs, steps, neuron)


@readout_dense.register_fake
def _fake_dense(current, bias, parameters, state, outputs, steps, neuron):
    return _fake_out(parameters, current.shape[1], outputs, steps, neuron)


@readout_backward.register_fake
def _fake_backward(
    ids, row_start, spike_count, weight, parameters, history, d_out, d_last_state, outputs, steps, neuron, want_input
):
    d_input = weight.new_empty(ids.shape[0] if want_input else 0)
    return (d_input, *_fake_gradients(weight, parameters, spike_count.shape[0] // steps, neuron))


@readout_dense_backward.register_fake
def _fake_dense_backward(parameters, history, d_out, d_last_state, outputs, steps, neuron, batch, low, by_sample):
    *gradients, _ = fake_current_gradients(parameters, batch, steps, neuron, low, by_sample)
    return tuple(gradients)


def _save(ctx, first, output, bias, parameters, state, *sizes):
    ctx.set_materialize_grads(False)
    learned = bool(from_text(sizes[-1]).learned)
    ctx.given, ctx.sizes = (bias is not None, learned, state is not None), sizes
    ctx.save_for_backward(*first, parameters, output[2])
    ctx.mark_non_differentiable(output[2])


def _setup(ctx, inputs, output):
    ids, row_start, spike_count, _, weight, *layer = inputs
    _save(ctx, (ids, row_start, spike_count, weight), output, *layer)


def _setup_dense(ctx, inputs, output):
    current, *layer = inputs
    ctx.layout = (current.shape[1], *layout_of(current))
    _save(ctx, (), output, *layer)


def _given_only(ctx, d_bias, d_parameters, d_state):
    bias, learned, state = ctx.given
    numbers = (d_bias if bias else None, d_parameters if learned else None, d_state if state else None)
    return *numbers, None, None, None


def _backward(ctx, d_out, d_last_state, _):
    want_input = ctx.needs_input_grad[3]
    d_input, d_weight, *others = readout_backward(*ctx.saved_tensors, d_out, d_last_state, *ctx.sizes, want_input)
    return None, None, None, d_input if want_input else None, d_weight, *_given_only(ctx, *others)


def _backward_dense(ctx, d_out, d_last_state, _):
    d_current, *others = readout_dense_backward(*ctx.saved_tensors, d_out, d_last_state, *ctx.sizes, *ctx.layout)
    return d_current, *_given_only(ctx, *others)


readout.register_autograd(_backward, setup_context=_setup)
readout_dense.register_autograd(_backward_dense, setup_context=_setup_dense)
