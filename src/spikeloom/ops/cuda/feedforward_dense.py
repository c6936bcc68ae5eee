"""The dense route of a feed-forward layer, on currents that are there: see `ops.feedforward_dense`."""

import torch

from spikeloom.kernels.cuda.sources import Stored
from spikeloom.ops.cuda.leave import rows_of
from spikeloom.ops.cuda.scans import scan_backward, scan_forward
from spikeloom.ops.dense import NUMBER_TYPES, by_steps
from spikeloom.ops.feedforward_dense import feedforward_dense, feedforward_dense_backward
from spikeloom.ops.listed import listed
from spikeloom.ops.scans import Layer, Record, Upstream


@feedforward_dense.on("cuda")
def _feedforward_dense(
    current, bias, parameters, depth, state, spike, steps, neurons, neuron, surrogate, limit, seed, listed
):
    layer = Layer(neuron, neurons, steps, parameters, depth, surrogate, limit, seed)
    raster = None if limit else torch.empty_like(current)
    scanned = scan_forward(
        Stored(current), bias, layer, state, spike, batch=current.shape[1], raster=raster, listed=listed
    )
    return *scanned, current.new_empty(0) if raster is None else raster


@feedforward_dense_backward.on("cuda")
def _feedforward_dense_backward(
    parameters, record, first_spike, d_active, d_last_state, d_last_spike, d_raster, steps, neurons, neuron, low,
    by_sample,
):  # fmt: skip
    layer, saved = Layer(neuron, neurons, steps, parameters, parameters), Record(*record)
    rows = saved.spikes.shape[1]
    flat = parameters.new_empty(rows, parameters.shape[1], dtype=NUMBER_TYPES[low])
    d_current = by_steps(flat, steps, by_sample=by_sample)
    saved = saved._replace(first_spike=first_spike)
    upstream = Upstream(d_active, d_last_state, d_last_spike)
    return d_current, *scan_backward(layer, saved, upstream, d_current, d_raster)


@listed.on("cuda")
def _listed(raster, spikes, near, entries):
    return rows_of(spikes, near)[:3]
