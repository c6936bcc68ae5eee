"""A layer of spiking neurons that hear each other: the dense route, on currents from outside that are there.

The products between the neurons are sparse here too: a step needs the spikes of the one before, so that a dense product
would be one a step.
"""

from typing import Any

import numpy as np
import torch

from spikeloom.ops.adjoint import Adjoint
from spikeloom.ops.arrays import kernels
from spikeloom.ops.dense import layout_of, room_for, stored
from spikeloom.ops.feedforward import SCANNED, given_only, save_scanned
from spikeloom.ops.feedforward_dense import fake_current_gradients
from spikeloom.ops.recurrent import GRADIENTS, LAYER, SAVED, fake_recurrent, scan_recurrent
from spikeloom.ops.scans import Layer, Record, Upstream, columns_room

SAMPLES = 8
"""So many samples' gradients by the currents are made at a time, before they are brought into the order of rows."""


@torch.library.custom_op(
    "spikeloom::recurrent_dense", mutates_args=(), device_types="cpu", schema=f"(Tensor current, {LAYER}) -> {SCANNED}"
)
def recurrent_dense(
    current, recurrent, bias, parameters, depth, state, spike, steps, neurons, neuron, surrogate, limit, seed
):
    """As `ops.recurrent`, for the currents from outside `[T, B, N]` that `ops.currents` or `ops.currents_of_spikes`
    gives."""
    layer = Layer(neuron, neurons, steps, parameters, depth, surrogate, limit, seed)
    source = kernels("sources").Stored(*stored(current, bias))
    return tuple(scan_recurrent(source, recurrent, layer, state, spike, current.shape[1]))


@torch.library.custom_op(
    "spikeloom::recurrent_dense_backward",
    mutates_args=(),
    device_types="cpu",
    schema=f"({SAVED}, bool low, bool by_sample) -> (Tensor d_current, {GRADIENTS}",
)
def recurrent_dense_backward(
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
    low,
    by_sample,
):
    """The gradients of `recurrent_dense`; those by the currents come in the number type and layout of these."""
    layer, saved = Layer(neuron, neurons, steps, parameters, parameters), Record(*record)
    blocks, rows = saved.spikes.shape
    batch = rows // steps
    d_current = room_for(steps, batch, parameters.shape[1], low, by_sample)
    upstream = Upstream(d_active, d_last_state, d_last_spike)
    adjoint = Adjoint(layer, saved._replace(first_spike=first_spike), upstream, recurrent)
    chunk = min(batch, SAMPLES)
    room = adjoint.room(chunk)
    for first in range(0, batch, chunk):
        end = min(first + chunk, batch)
        part = room[: end - first]  # [b, N / 64, T, 64]
        adjoint.run(_no_input(), first, end, chunk=end - first, parts=blocks, d_current=part)
        d_current[:, first:end].unflatten(2, (blocks, -1)).copy_(part.permute(2, 0, 1, 3))
    return d_current, *adjoint.gradients()


def _no_input() -> Any:
    """Inputs without ids: what comes from outside is the dense products' business."""
    none, few, row_start = np.empty(0, np.uint32), np.empty(0, np.float32), np.zeros(1, np.uint64)
    return kernels("adjoint").Input(
        none, row_start, none, few, few, columns_room(1, 0, 0), np.empty((1, 0), np.float32)
    )


@recurrent_dense.register_fake
def _fake(current, recurrent, bias, parameters, depth, state, spike, steps, neurons, neuron, surrogate, limit, seed):
    return fake_recurrent(parameters, current.shape[1], steps, neurons, neuron, limit)


@recurrent_dense_backward.register_fake
def _fake_backward(
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
    low,
    by_sample,
):
    batch = Record(*record).spikes.shape[1] // steps
    return *fake_current_gradients(parameters, batch, steps, neuron, low, by_sample), torch.empty_like(recurrent)


def _setup(ctx, inputs, output):
    current, recurrent, _, parameters = inputs[:4]
    ctx.layout = layout_of(current)
    save_scanned(ctx, inputs, output, first=(recurrent, parameters))


def _backward(ctx, *upstream):
    recurrent, parameters, *record, first_spike = ctx.saved_tensors
    d_current, *d_others, d_recurrent = recurrent_dense_backward(
        recurrent, parameters, record, first_spike, upstream[0], *upstream[4:6], *ctx.sizes, *ctx.layout
    )
    return d_current, *given_only(ctx, (d_recurrent,), *d_others)


recurrent_dense.register_autograd(_backward, setup_context=_setup)
