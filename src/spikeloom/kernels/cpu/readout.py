"""Neurons that do not spike: a dense output at every step, forward and backward."""

import numpy as np

from spikeloom.kernels.cpu.bits import (
    finish,
    flush_denormals,
    load_first,
    restore_denormals,
    store_first,
    take_next,
)
from spikeloom.kernels.cpu.compile import inlined, kernel
from spikeloom.kernels.cpu.neuron import (
    add_blocks,
    adjoint,
    load_kept,
    load_parameters,
    load_states,
    no_blocks,
    step,
    store_blocks,
    what_is_kept,
)
from spikeloom.kernels.cpu.simd import BLOCK, add, full, store
from spikeloom.kernels.cpu.sources import absorb, clear, current, end, endings, list_chunk, lists, settle, table
from spikeloom.kernels.cpu.team import wait_for

_ZERO = np.float32(0)


@kernel
def forward(counter, width, neuron, source, parameters, state, steps, batch, groups, out, last_state, history):
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
        history: [K, B * T, N] float32, written: what the neuron keeps of each step for its backward pass.
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
                r = b * steps + t
                heard = current(width, source, k, r)
                store_blocks(history.ravel(), r * neurons + at, batch * steps * neurons, what_is_kept(neuron, x, heard))
                x, value = step(neuron, x, full(width, _ZERO), heard, p)
                store_first(outputs, (t * batch + b) * many + at, value, many - at)
            store_blocks(last_state.ravel(), b * neurons + at, batch * neurons, x)
        task = take_next(counter)
    restore_denormals(control)


@kernel
def backward(
    counter, width, neuron, sink, parameters, history, d_out, d_last_state, steps, batch, parts, groups,
    bounds, done, d_bias, d_learned, d_state,
):  # fmt: skip
    """Run all blocks backward in time; a task is one part, every `parts`-th block, and one group of samples.

    Tasks before and behind those are the sink's own, see `scan.backward`.

    Args:
        counter: shared task counter.
        width: lanes.
        neuron: whose adjoint to run.
        sink: of the gradients by the currents.
        parameters: [P, N] float32.
        history: [K, B * T, N] float32, what the neuron kept of the forward pass.
        d_out: [T, B, C] float32, C up to N.
        d_last_state: [S, B, N] float32, by the states after the last step.
        steps: T.
        batch: B.
        parts: how many parts the blocks are cut into, whatever the number of threads.
        groups: how many groups the samples are cut into.
        bounds: [chunks + 1] int64, the samples at which chunks begin; each group has as many.
        done: [2] int64 zeros: how many tasks before the scan, and of the scan, have finished.
        d_bias: [chunks, N] float32, written: the sum of the gradients by the currents.
        d_learned: [chunks, L, N] float32, written: the gradients by the learned parameters.
        d_state: [S, B, N] float32, written: by the states before the first step.
    """
    control = flush_denormals()
    neurons = parameters.shape[1]
    chunks, listed = (len(bounds) - 1) // groups, lists(sink)
    gradients = table(sink)
    task = take_next(counter)
    while task < listed + parts * groups + endings(sink):
        if task < listed:
            list_chunk(sink, task, bounds, steps)
            finish(done, 0)
        elif task < listed + parts * groups:
            wait_for(done, 0, listed)
            part, group = (task - listed) // groups, (task - listed) % groups
            clear(sink, part, bounds[group * chunks] * steps, bounds[(group + 1) * chunks] * steps)
            for k in range(part, neurons // BLOCK, parts):
                for chunk in range(group * chunks, (group + 1) * chunks):
                    _backward_block(
                        width, neuron, sink, gradients, parameters.ravel(), history.ravel(), d_out,
                        d_last_state.ravel(), steps, batch, bounds[chunk], bounds[chunk + 1], part, d_bias[chunk],
                        d_learned[chunk].ravel(), d_state.ravel(), k, neurons,
                    )  # fmt: skip
                    settle(width, sink, gradients, k, group, chunk, bounds[chunk] * steps, chunk == group * chunks)
            finish(done, 1)
        else:
            wait_for(done, 1, parts * groups)
            end(sink, task - listed - parts * groups)
        task = take_next(counter)
    restore_denormals(control)


@inlined
def _backward_block(
    width, neuron, sink, gradients, parameters, history, d_out, d_last_state, steps, batch, first_sample, end_sample,
    part, d_bias, d_learned, d_state, k, neurons,
):  # fmt: skip
    at, bias, learned = k * BLOCK, full(width, _ZERO), no_blocks(width, neuron)
    d_outputs, many = d_out.ravel(), d_out.shape[2]
    p = load_parameters(width, neuron, parameters, at, neurons)
    for b in range(first_sample, end_sample):
        x = load_states(width, neuron, d_last_state, b * neurons + at, batch * neurons)
        for i in range(steps):
            t = steps - 1 - i
            d_value = load_first(width, d_outputs, (t * batch + b) * many + at, many - at)
            r = b * steps + t
            kept = load_kept(width, neuron, history, r * neurons + at, batch * steps * neurons)
            x, _, d, by_learned = adjoint(neuron, x, d_value, full(width, _ZERO), p, kept)
            bias, learned = add(bias, d), add_blocks(learned, by_learned)
            absorb(width, sink, gradients, k, part, first_sample * steps, r, d)
        store_blocks(d_state, b * neurons + at, batch * neurons, x)
    store(d_bias, at, bias)
    store_blocks(d_learned, at, neurons, learned)
