"""Neurons that do not spike: a dense output at every step, forward and backward."""

import numpy as np

from spikeloom.kernels.cpu.bits import flush_denormals, load_first, restore_denormals, store_first, take_next
from spikeloom.kernels.cpu.compile import kernel
from spikeloom.kernels.cpu.neuron import adjoint, load_parameters, load_states, step, store_states
from spikeloom.kernels.cpu.simd import BLOCK, add, full, store
from spikeloom.kernels.cpu.sources import absorb, clear, current

_ZERO = np.float32(0)


@kernel
def forward(counter, width, neuron, source, parameters, state, steps, batch, groups, out, last_state):
    """Run all blocks forward; a task is one block and one group of samples.

    Args:
        counter: shared task counter.
        width: lanes.
        neuron: whose step to run; its margin is the output.
        source: of currents.
        parameters: [P, N] float32, N a multiple of 64.
        state: [S, B, N] float32, before the first step.
        steps: T.
        batch: B.
        groups: how many groups the samples are cut into, whatever the number of threads.
        out: [T, B, C] float32, C up to N, written.
        last_state: [S, B, N] float32, written.
    """
    control = flush_denormals()
    neurons = parameters.shape[1]
    blocks, outputs, many = neurons // BLOCK, out.ravel(), out.shape[2]
    task = take_next(counter)
    while task < blocks * groups:
        k, group = task // groups, task % groups
        at = k * BLOCK
        p = load_parameters(width, neuron, parameters.ravel(), at, neurons)
        for b in range(batch * group // groups, batch * (group + 1) // groups):
            x = load_states(width, neuron, state.ravel(), b * neurons + at, batch * neurons)
            for t in range(steps):
                x, value = step(neuron, x, full(width, _ZERO), current(width, source, k, b * steps + t), p)
                store_first(outputs, (t * batch + b) * many + at, value, many - at)
            store_states(last_state.ravel(), b * neurons + at, batch * neurons, x)
        task = take_next(counter)
    restore_denormals(control)


@kernel
def backward(
    counter, width, neuron, sink, parameters, d_out, d_last_state, steps, batch, parts, groups, d_bias, d_state
):
    """Run all blocks backward in time; a task is one part, every `parts`-th block, and one group of samples.

    Args:
        counter: shared task counter.
        width: lanes.
        neuron: whose adjoint to run.
        sink: of the gradients by the currents.
        parameters: [P, N] float32.
        d_out: [T, B, C] float32, C up to N.
        d_last_state: [S, B, N] float32, by the states after the last step.
        steps: T.
        batch: B.
        parts: how many parts the blocks are cut into, whatever the number of threads.
        groups: how many groups the samples are cut into.
        d_bias: [groups, N] float32, written: the sum of the gradients by the currents.
        d_state: [S, B, N] float32, written: by the states before the first step.
    """
    control = flush_denormals()
    neurons = parameters.shape[1]
    d_outputs, many = d_out.ravel(), d_out.shape[2]
    task = take_next(counter)
    while task < parts * groups:
        part, group = task // groups, task % groups
        first, end = batch * group // groups, batch * (group + 1) // groups
        for k in range(part, neurons // BLOCK, parts):
            clear(width, sink, k, part, group, first * steps, end * steps, k == part)
            at, bias = k * BLOCK, full(width, _ZERO)
            p = load_parameters(width, neuron, parameters.ravel(), at, neurons)
            for b in range(first, end):
                x = load_states(width, neuron, d_last_state.ravel(), b * neurons + at, batch * neurons)
                for i in range(steps):
                    t = steps - 1 - i
                    d_value = load_first(width, d_outputs, (t * batch + b) * many + at, many - at)
                    x, _, d = adjoint(neuron, x, d_value, full(width, _ZERO), p)
                    bias = add(bias, d)
                    absorb(width, sink, k, part, group, b * steps + t, d)
                store_states(d_state.ravel(), b * neurons + at, batch * neurons, x)
            store(d_bias[group], at, bias)
        task = take_next(counter)
    restore_denormals(control)
