"""A layer of spiking neurons without connections among themselves: the dense route."""

import torch

from spikeloom.ops.arrays import kernels
from spikeloom.ops.dense import by_rows, by_steps, currents, input_gradient, stored, weight_gradient
from spikeloom.ops.feedforward import SCANNED, fake_gradients, fake_scanned, given_only, save_scanned
from spikeloom.ops.scans import Layer, Record, Upstream, scan_backward, scan_forward

_FORWARD = (
    "(Tensor x, Tensor weight, Tensor? bias, Tensor parameters, Tensor depth, Tensor? state, Tensor? spike, int steps, "
    "int neurons, str neuron, str surrogate, int limit, int seed) -> "
)
_BACKWARD = (
    "(Tensor x, Tensor weight, Tensor parameters, Tensor[] record, Tensor? first_spike, Tensor? d_active, "
    "Tensor? d_last_state, Tensor? d_last_spike, int steps, int neurons, str neuron, bool want_input) -> "
    "(Tensor d_input, Tensor d_weight, Tensor d_bias, Tensor d_parameters, Tensor d_state, Tensor d_spike)"
)


@torch.library.custom_op("spikeloom::feedforward_dense", mutates_args=(), device_types="cpu", schema=_FORWARD + SCANNED)
def feedforward_dense(x, weight, bias, parameters, depth, state, spike, steps, neurons, neuron, surrogate, limit, seed):
    """As `ops.feedforward`, for a dense input `x` `[T, B, I]` of any real numbers."""
    layer = Layer(neuron, neurons, steps, parameters, depth, surrogate, limit, seed)
    source = kernels("sources").Stored(*stored(currents(by_rows(x), weight, bias)))
    return tuple(scan_forward(source, layer, state, spike, batch=x.shape[1]))


@feedforward_dense.register_fake
def _fake(x, weight, bias, parameters, depth, state, spike, steps, neurons, neuron, surrogate, limit, seed):
    return fake_scanned(parameters, x.shape[1], steps, neurons, neuron, limit)


@torch.library.custom_op("spikeloom::feedforward_dense_backward", mutates_args=(), device_types="cpu", schema=_BACKWARD)
def feedforward_dense_backward(
    x, weight, parameters, record, first_spike, d_active, d_last_state, d_last_spike, steps, neurons, neuron, want_input
):
    """The gradients of `feedforward_dense`."""
    layer, rows = Layer(neuron, neurons, steps, parameters, parameters), by_rows(x)
    d_current = weight.new_empty(rows.shape[0], parameters.shape[1])
    others = scan_backward(
        kernels("sources").Written(*stored(d_current)),
        layer,
        Record(*record)._replace(first_spike=first_spike),
        Upstream(d_active, d_last_state, d_last_spike),
        parts=weight.shape[0],
    )
    d_input = by_steps(input_gradient(d_current, weight), steps) if want_input else x.new_empty(0)
    return d_input, weight_gradient(rows, d_current, weight), *others


@feedforward_dense_backward.register_fake
def _fake_backward(
    x, weight, parameters, record, first_spike, d_active, d_last_state, d_last_spike, steps, neurons, neuron, want_input
):
    return (x.new_empty(x.shape if want_input else (0,)), *fake_gradients(weight, parameters, x.shape[1], neuron))


def _setup(ctx, inputs, output):
    x, weight, _, parameters = inputs[:4]
    save_scanned(ctx, inputs, output, first=(x, weight, parameters))


def _backward(ctx, *upstream):
    x, weight, parameters, *record, first_spike = ctx.saved_tensors
    want_input = ctx.needs_input_grad[0]
    d_input, d_weight, *d_others = feedforward_dense_backward(
        x, weight, parameters, record, first_spike, upstream[0], *upstream[4:6], *ctx.sizes, want_input
    )
    return d_input if want_input else None, *given_only(ctx, (d_weight,), *d_others)


feedforward_dense.register_autograd(_backward, setup_context=_setup)
