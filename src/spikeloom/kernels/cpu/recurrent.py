"""A layer of neurons that hear each other, through all time steps, forward and backward.

Samples are dealt to the workers, since only neurons of one sample are coupled. Rows are sample-major, r = b * T + t;
window entries lie in the order of rows, ascending in a row.
"""

import numpy as np

from spikeloom.kernels.cpu.bits import (
    compress,
    expand,
    flush_denormals,
    popcount,
    restore_denormals,
    take_next,
    trailing_zeros,
)
from spikeloom.kernels.cpu.compile import inlined, kernel
from spikeloom.kernels.cpu.neuron import adjoint, load_parameters, load_states, step, store_states
from spikeloom.kernels.cpu.simd import BLOCK, add, at_least, full, load, multiply, select, store
from spikeloom.kernels.cpu.sources import add_products, current, gather

_ZERO, _ONE = np.float32(0), np.float32(1)


@kernel
def forward(
    counter, width, neuron, source, recurrent, parameters, depth, valid, state, first_spike, steps, batch,
    spikes, near, margins, entries, last_state,
):  # fmt: skip
    """Run all samples forward; a task is a sample.

    Args:
        counter: shared task counter.
        width: lanes.
        neuron: whose step to run.
        source: of the currents from outside.
        recurrent: flat [N / 64, N, 64] float32, the weights between the neurons.
        parameters: [P, N] float32, N a multiple of 64.
        depth: [N] float32, the margin from which on a neuron is in its window.
        valid: [N / 64] uint64, a bit for each neuron that exists.
        state: [S, B, N] float32, before the first step.
        first_spike: [N / 64, B] uint64, the spikes before the first step.
        steps: T.
        batch: B.
        spikes: [N / 64, B * T] uint64, written: who spiked.
        near: likewise, who is in its window.
        margins: [B, T * N] float32, written: each sample's margins inside the window, packed to the left.
        entries: [B] int64, written: how many there are.
        last_state: [S, B, N] float32, written.
    """
    control = flush_denormals()
    blocks, neurons = spikes.shape[0], parameters.shape[1]
    zero, one, silent = full(width, _ZERO), full(width, _ONE), np.zeros(neurons, np.float32)
    ids, states, stride = np.empty(neurons, np.uint32), last_state.ravel(), batch * neurons
    b = take_next(counter)
    while b < batch:
        last_state[:, b] = state[:, b]
        heard = _list(first_spike, b, ids)
        stored = np.uint64(0)
        for r in range(b * steps, (b + 1) * steps):
            for k in range(blocks):
                at = k * BLOCK
                before = spikes[k, r - 1] if r > b * steps else first_spike[k, b]
                inner = gather(width, recurrent, np.uint64(at * neurons), at, silent, ids, np.uint64(0), heard)
                p = load_parameters(width, neuron, parameters.ravel(), at, neurons)
                x = load_states(width, neuron, states, b * neurons + at, stride)
                x, margin = step(neuron, x, select(before, one, zero), add(current(width, source, k, r), inner), p)
                inside = at_least(margin, load(width, depth, at)) & valid[k]
                spikes[k, r] = at_least(margin, zero) & valid[k]
                near[k, r] = inside
                compress(margins[b], stored, inside, margin)
                stored += popcount(inside)
                store_states(states, b * neurons + at, stride, x)
            heard = _list(spikes, r, ids)
        entries[b] = stored
        b = take_next(counter)
    restore_denormals(control)


@inlined
def _list(bits, column, ids):
    """Write the ids of the bits set in one column of words; how many there are."""
    size = np.uint64(0)
    for k in range(bits.shape[0]):
        word = bits[k, column]
        while word != np.uint64(0):
            ids[size] = np.uint32(np.uint64(k * BLOCK) + trailing_zeros(word))
            size += np.uint64(1)
            word &= word - np.uint64(1)
    return size


@kernel
def backward(
    counter, width, neuron, recurrent, parameters, spikes, near, kept, first_spike, entry_end, slope,
    row_end, spike_end, d_active, d_last_state, d_last_spike, steps, batch, first, end, d_current, d_state, d_spike,
):  # fmt: skip
    """Run some samples backward in time; a task is a sample.

    Args:
        counter: shared task counter.
        width: lanes.
        neuron: whose adjoint to run.
        recurrent: flat [N / 64, N, 64] float32.
        parameters: [P, N] float32.
        spikes: [N / 64, B * T] uint64, from the forward pass.
        near: likewise.
        kept: likewise, the window entries that left the layer.
        first_spike: [N / 64, B] uint64.
        entry_end: [B] int64, where each sample's window entries end in `slope`.
        slope: [E] float32, the surrogate's derivative at each window entry.
        row_end: [B * T] int64, where each row ends in `d_active`.
        spike_end: [B * T] int64, where the part of those that spiked ends.
        d_active: [K] float32, the loss's derivative by each spike from outside, in the order of the output's rows.
        d_last_state: [S, B, N] float32, by the states after the last step.
        d_last_spike: [B, N] float32, by the last step's spikes as part of the state.
        steps: T.
        batch: B.
        first: the first sample.
        end: the one behind the last.
        d_current: [end - first, T, N] float32, written: the gradients by the currents.
        d_state: [S, B, N] float32, written: by the states before the first step.
        d_spike: [B, N] float32, written: by the spikes before the first step, through the neuron itself.
    """
    control = flush_denormals()
    blocks, neurons = spikes.shape[0], parameters.shape[1]
    zero, one, stride = full(width, _ZERO), full(width, _ONE), batch * neurons
    ids, heard, states, fed_back = (
        np.empty(neurons, np.uint32),
        np.empty(neurons, np.float32),
        d_state.ravel(),
        d_spike.ravel(),
    )
    b = first + take_next(counter)
    while b < end:
        d_state[:, b] = d_last_state[:, b]
        d_spike[b] = d_last_spike[b]
        entry = np.uint64(entry_end[b])
        later = d_current[b - first].ravel()
        for i in range(steps):
            t = steps - 1 - i
            r = b * steps + t
            listed = _list(near, r, ids)
            heard[: np.int64(listed)] = _ZERO
            if t < steps - 1:
                for k in range(blocks):
                    d_next = load(width, later, (t + 1) * neurons + k * BLOCK)
                    add_products(recurrent, np.uint64(k * BLOCK * neurons), ids, np.uint64(0), listed, d_next, heard)
            fired, only_near = np.uint64(spike_end[r]), np.uint64(row_end[r])
            for i_block in range(blocks):
                k = blocks - 1 - i_block
                at = k * BLOCK
                inside, out = near[k, r], kept[k, r]
                entry -= popcount(inside)
                listed -= popcount(inside)
                fired -= popcount(out & spikes[k, r])
                only_near -= popcount(out & ~spikes[k, r])
                outer = add(
                    add(expand(width, d_active, fired, out & spikes[k, r]), expand(width, heard, listed, inside)),
                    add(
                        expand(width, d_active, only_near, out & ~spikes[k, r]),
                        load(width, fed_back, b * neurons + at),
                    ),
                )
                p = load_parameters(width, neuron, parameters.ravel(), at, neurons)
                x = load_states(width, neuron, states, b * neurons + at, stride)
                before = spikes[k, r - 1] if t > 0 else first_spike[k, b]
                x, fed, d = adjoint(
                    neuron, x, multiply(expand(width, slope, entry, inside), outer), select(before, one, zero), p
                )
                store_states(states, b * neurons + at, stride, x)
                store(fed_back, b * neurons + at, fed + zero)
                store(later, t * neurons + at, d)
        b = first + take_next(counter)
    restore_denormals(control)
