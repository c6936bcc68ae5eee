"""The sparse route of a feed-forward layer: see `ops.feedforward`."""

import torch

from spikeloom.kernels.cuda.sources import Gathered
from spikeloom.ops.cuda.dense import read
from spikeloom.ops.cuda.scans import scan_backward, scan_forward, scattered
from spikeloom.ops.dense import by_steps
from spikeloom.ops.feedforward import feedforward, feedforward_backward
from spikeloom.ops.scans import Layer, Record, Upstream


@feedforward.on("cuda")
def _feedforward(
    ids, row_start, spike_count, active, weight, shadow, bias, parameters, depth, state, spike, steps, neurons, neuron,
    surrogate, limit, seed,
):  # fmt: skip
    layer = Layer(neuron, neurons, steps, parameters, depth, surrogate, limit, seed)
    source = Gathered(read(weight, shadow), ids, row_start, spike_count)
    return tuple(scan_forward(source, bias, layer, state, spike, batch=spike_count.shape[0] // steps))


@feedforward_backward.on("cuda")
def _feedforward_backward(
    ids, row_start, spike_count, weight, shadow, parameters, record, first_spike, d_active, d_last_state, d_last_spike,
    steps, neurons, neuron, want_input,
):  # fmt: skip
    layer = Layer(neuron, neurons, steps, parameters, parameters)
    saved = Record(*record)._replace(first_spike=first_spike)
    d_current = weight.new_empty(spike_count.shape[0], parameters.shape[1])
    upstream = Upstream(d_active, d_last_state, d_last_spike)
    others = scan_backward(layer, saved, upstream, by_steps(d_current, steps, by_sample=True))
    d_weight = torch.empty_like(weight)
    d_input = scattered(read(weight, shadow), ids, row_start, spike_count, d_current, d_weight, want_input=want_input)
    return d_input, d_weight, *others
