"""A layer of spiking neurons without connections among themselves: the dense route, on currents that are there."""

import torch

from spikeloom.ops.arrays import kernels
from spikeloom.ops.dense import NUMBER_TYPES, by_steps, layout_of, room_for, stored, written
from spikeloom.ops.feedforward import SCANNED, fake_gradients, fake_scanned, given_only, save_scanned
from spikeloom.ops.operator import operator
from spikeloom.ops.scans import Layer, Record, Upstream, scan_backward, scan_forward

_FORWARD = (
    "(Tensor current, Tensor? bias, Tensor parameters, Tensor depth, Tensor? state, Tensor? spike, int steps, "
    "int neurons, str neuron, str surrogate, int limit, int seed, bool listed) -> "
)
_RETURNED = SCANNED.removesuffix(")") + ", Tensor raster)"
_BACKWARD = (
    "(Tensor parameters, Tensor[] record, Tensor? first_spike, Tensor? d_active, Tensor? d_last_state, "
    "Tensor? d_last_spike, Tensor? d_raster, int steps, int neurons, str neuron, bool low, bool by_sample) -> "
    "(Tensor d_current, Tensor d_bias, Tensor d_parameters, Tensor d_state, Tensor d_spike)"
)


@operator("feedforward_dense", _FORWARD + _RETURNED)
def feedforward_dense(
    current, bias, parameters, depth, state, spike, steps, neurons, neuron, surrogate, limit, seed, listed
):
    """As `ops.feedforward`, for the currents `[T, B, N]` that `ops.currents` or `ops.currents_of_spikes` gives.

    Beside the rows of ids it returns the spikes as zeros and ones, laid out as the currents are, for the products of a
    dense layer that follows; unless there is a limit, which they do not know: then they are empty. Where rows are not
    `listed`, ids and active are empty, and `ops.listed` makes them of what it returns.
    """
    layer = Layer(neuron, neurons, steps, parameters, depth, surrogate, limit, seed)
    sources = kernels("sources")
    source = sources.Stored(*stored(current, bias))
    steps, batch, size = current.shape
    raster = current.new_empty(0) if limit else room_for(steps, batch, size, *layout_of(current))
    sink = None if limit else sources.Written(*written(raster))
    scanned = scan_forward(source, layer, state, spike, batch=current.shape[1], raster=sink, listed=listed)
    return *scanned, raster


@feedforward_dense.register_fake
def _fake(current, bias, parameters, depth, state, spike, steps, neurons, neuron, surrogate, limit, seed, listed):
    raster = current.new_empty(0) if limit else torch.empty_like(current)
    active, ids, row_start, *others = fake_scanned(parameters, current.shape[1], steps, neurons, neuron, limit)
    if not listed:
        active, ids, row_start = active.new_empty(0), ids.new_empty(0), row_start.new_empty(1)
    return active, ids, row_start, *others, raster


@operator("feedforward_dense_backward", _BACKWARD)
def feedforward_dense_backward(
    parameters, record, first_spike, d_active, d_last_state, d_last_spike, d_raster, steps, neurons, neuron, low,
    by_sample,
):  # fmt: skip
    """The gradients of `feedforward_dense`; those by the currents come in the number type and layout of these."""
    layer, saved = Layer(neuron, neurons, steps, parameters, parameters), Record(*record)
    sources = kernels("sources")
    blocks, rows = saved.spikes.shape
    d_current = room_for(steps, rows // steps, parameters.shape[1], low, by_sample)
    others = scan_backward(
        sources.Written(*written(d_current)),
        layer,
        saved._replace(first_spike=first_spike),
        Upstream(
            d_active, d_last_state, d_last_spike, None if d_raster is None else sources.Written(*written(d_raster))
        ),
        parts=blocks,
    )
    return d_current, *others


@feedforward_dense_backward.register_fake
def _fake_backward(
    parameters, record, first_spike, d_active, d_last_state, d_last_spike, d_raster, steps, neurons, neuron, low,
    by_sample,
):  # fmt: skip
    batch = Record(*record).spikes.shape[1] // steps
    return fake_current_gradients(parameters, batch, steps, neuron, low, by_sample)


def fake_current_gradients(parameters, batch, steps, neuron, low, by_sample):
    """The shapes of the gradients by currents, bias, parameters, state and first spikes."""
    rows = parameters.new_empty(batch * steps, parameters.shape[1], dtype=NUMBER_TYPES[low])
    _, *others = fake_gradients(parameters, parameters, batch, neuron)
    return by_steps(rows, steps, by_sample=by_sample), *others


def _setup(ctx, inputs, output):
    current, _, parameters = inputs[:3]
    ctx.layout = layout_of(current)
    save_scanned(ctx, inputs[:-1], output, first=(parameters,))


def _backward(ctx, *upstream):
    # A layer with a limit has no raster to have gradients by.
    d_raster = upstream[-1] if upstream[-1] is not None and upstream[-1].dim() == 3 else None
    parameters, *record, first_spike = ctx.saved_tensors
    d_current, *d_others = feedforward_dense_backward(
        parameters, record, first_spike, upstream[0], *upstream[4:6], d_raster, *ctx.sizes, *ctx.layout
    )
    return d_current, *given_only(ctx, (), *d_others), None


feedforward_dense.register_autograd(_backward, setup_context=_setup)
