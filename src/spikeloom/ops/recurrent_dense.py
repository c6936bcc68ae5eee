"""A layer of spiking neurons that hear each other: the dense route, on currents from outside that are there.

The products between the neurons are sparse here too: a step needs the spikes of the one before, so that a dense product
would be one a step.
"""

from typing import Any

import numpy as np
import torch

from spikeloom.ops.adjoint import Adjoint
from spikeloom.ops.arrays import BLOCK, kernels, room
from spikeloom.ops.dense import layout_of, room_for, stored
from spikeloom.ops.feedforward import SCANNED, given_only, save_scanned
from spikeloom.ops.feedforward_dense import fake_current_gradients
from spikeloom.ops.operator import operator
from spikeloom.ops.recurrent import GRADIENTS, LAYER, SAVED, fake_recurrent, scan_recurrent
from spikeloom.ops.scans import Layer, Record, Upstream, columns_room, weights
from spikeloom.ops.together import together


@operator("recurrent_dense", f"(Tensor current, {LAYER}) -> {SCANNED}")
def recurrent_dense(
    current,
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
    """As `ops.recurrent`, for the currents from outside `[T, B, N]` that `ops.currents` or `ops.currents_of_spikes`
    gives."""
    layer = Layer(neuron, neurons, steps, parameters, depth, surrogate, limit, seed)
    source = kernels("sources").Stored(*stored(current, bias))
    order = together(recurrent.shape[0], current.shape[1], steps, dense=True)
    return tuple(scan_recurrent(source, weights(recurrent, recurrent_shadow), layer, state, spike, order))


@operator("recurrent_dense_backward", f"({SAVED}, bool low, bool by_sample) -> (Tensor d_current, {GRADIENTS}")
def recurrent_dense_backward(
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
    low,
    by_sample,
):
    """The gradients of `recurrent_dense`; those by the currents come in the number type and layout of these."""
    layer, saved = Layer(neuron, neurons, steps, parameters, parameters), Record(*record)
    blocks, rows = saved.spikes.shape
    batch = rows // steps
    d_current = room_for(steps, batch, parameters.shape[1], low, by_sample)
    upstream = Upstream(d_active, d_last_state, d_last_spike)
    order = together(blocks, batch, steps, dense=True)
    adjoint = Adjoint(layer, saved._replace(first_spike=first_spike), upstream, (recurrent, recurrent_shadow), order)
    for group, (first, end) in enumerate(order.bounds()):
        table = room(blocks, steps, end - first, BLOCK)
        adjoint.run(_no_input(), group, parts=blocks, table=table)
        part = torch.from_numpy(table).permute(1, 2, 0, 3)  # [T, b, N / 64, 64]
        d_current[:, first:end].unflatten(2, (blocks, -1)).copy_(part)
    return d_current, *adjoint.gradients()


def _no_input() -> Any:
    """Inputs without ids: what comes from outside is the dense products' business."""
    none, few, row_start = np.empty(0, np.uint32), np.empty(0, np.float32), np.zeros(1, np.uint64)
    return kernels("adjoint").Input(
        none, row_start, none, few, few, columns_room(1, 0, 0), np.empty((1, 0), np.float32)
    )


@recurrent_dense.register_fake
def _fake(
    current,
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
    order = together(recurrent.shape[0], current.shape[1], steps, dense=True)
    return fake_recurrent(parameters, order, steps, neurons, neuron, limit)


@recurrent_dense_backward.register_fake
def _fake_backward(
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
    low,
    by_sample,
):
    batch = Record(*record).spikes.shape[1] // steps
    return *fake_current_gradients(parameters, batch, steps, neuron, low, by_sample), torch.empty_like(recurrent)


def _setup(ctx, inputs, output):
    current, recurrent, recurrent_shadow, _, parameters = inputs[:5]
    ctx.layout = layout_of(current)
    save_scanned(ctx, inputs, output, first=(recurrent, recurrent_shadow, parameters))


def _backward(ctx, *upstream):
    recurrent, recurrent_shadow, parameters, *record, first_spike = ctx.saved_tensors
    d_current, *d_others, d_recurrent = recurrent_dense_backward(
        recurrent,
        recurrent_shadow,
        parameters,
        record,
        first_spike,
        upstream[0],
        *upstream[4:6],
        *ctx.sizes,
        *ctx.layout,
    )
    return d_current, *given_only(ctx, (d_recurrent, None), *d_others)


recurrent_dense.register_autograd(_backward, setup_context=_setup)
