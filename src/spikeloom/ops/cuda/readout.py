"""Layers of neurons that do not spike: see `ops.readout`."""

import torch

from spikeloom.kernels.cuda import readout as kernel
from spikeloom.kernels.cuda.sources import Gathered, Stored
from spikeloom.ops.cuda.scans import by_parameter, contiguous, gradients, scattered
from spikeloom.ops.dense import NUMBER_TYPES, by_steps
from spikeloom.ops.readout import readout, readout_backward, readout_dense, readout_dense_backward
from spikeloom.ops.scans import Layer


def _run_forward(source, bias, layer, state, batch):
    like, equations, size = layer.parameters, layer.equations, layer.parameters.shape[1]
    out, last_state = like.new_empty(layer.steps, batch, layer.neurons), like.new_empty(equations.states, batch, size)
    history = like.new_empty(len(equations.kept), batch * layer.steps, size)
    kernel.forward(equations, source, bias, like, contiguous(state), out=out, last_state=last_state, history=history)
    return out, last_state, history


def _run_backward(layer, history, d_out, d_last_state, d_current):
    d_bias, d_learned, d_state, _ = gradients(layer, d_current.shape[1])
    kernel.backward(
        layer.equations, layer.parameters, history, contiguous(d_out), contiguous(d_last_state), d_current=d_current,
        d_bias=d_bias, d_learned=d_learned, d_state=d_state,
    )  # fmt: skip
    return d_bias.sum(0), by_parameter(layer, d_learned), d_state


@readout.on("cuda")
def _readout(ids, row_start, spike_count, active, weight, bias, parameters, state, outputs, steps, neuron):
    layer = Layer(neuron, outputs, steps, parameters, parameters)
    source = Gathered(weight, ids, row_start, spike_count)
    return _run_forward(source, bias, layer, state, spike_count.shape[0] // steps)


@readout_dense.on("cuda")
def _readout_dense(current, bias, parameters, state, outputs, steps, neuron):
    layer = Layer(neuron, outputs, steps, parameters, parameters)
    return _run_forward(Stored(current), bias, layer, state, current.shape[1])


@readout_backward.on("cuda")
def _readout_backward(
    ids, row_start, spike_count, weight, parameters, history, d_out, d_last_state, outputs, steps, neuron, want_input
):
    layer = Layer(neuron, outputs, steps, parameters, parameters)
    d_current = weight.new_empty(spike_count.shape[0], parameters.shape[1])
    others = _run_backward(layer, history, d_out, d_last_state, by_steps(d_current, steps, by_sample=True))
    d_weight = torch.empty_like(weight)
    d_input = scattered(weight, ids, row_start, spike_count, d_current, d_weight, want_input=want_input)
    return d_input, d_weight, *others


@readout_dense_backward.on("cuda")
def _readout_dense_backward(parameters, history, d_out, d_last_state, outputs, steps, neuron, batch, low, by_sample):
    layer = Layer(neuron, outputs, steps, parameters, parameters)
    flat = parameters.new_empty(batch * steps, parameters.shape[1], dtype=NUMBER_TYPES[low])
    d_current = by_steps(flat, steps, by_sample=by_sample)
    return d_current, *_run_backward(layer, history, d_out, d_last_state, d_current)
