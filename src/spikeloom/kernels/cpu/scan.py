"""A block of neurons through all time steps, forward and backward, its states in registers.

The scan knows no neuron: it runs the step and the adjoint of the one that it is given. Nor does it know where currents
come from and where their gradients go: `sources` does. Rows are sample-major, r = b * T + t.
"""

import numpy as np

from spikeloom.kernels.cpu.bits import (
    compress,
    expand,
    finish,
    flush_denormals,
    popcount,
    restore_denormals,
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
from spikeloom.kernels.cpu.rows import to_blocks
from spikeloom.kernels.cpu.simd import BLOCK, add, at_least, full, heaviside, load, multiply, select, store
from spikeloom.kernels.cpu.sources import (
    absorb,
    add_painted,
    approach,
    clear,
    current,
    end,
    endings,
    list_chunk,
    lists,
    paint,
    settle,
    table,
)
from spikeloom.kernels.cpu.team import wait_for

_ZERO, _ONE = np.float32(0), np.float32(1)


@kernel
def forward(
    counter,
    width,
    neuron,
    source,
    parameters,
    depth,
    valid,
    state,
    first_spike,
    steps,
    batch,
    groups,
    spikes,
    near,
    margins,
    entries,
    last_state,
    last_spike,
    history,
    raster,
):
    """Run all blocks forward; a task is one block and one group of samples.

    Args:
        counter: shared task counter.
        width: lanes.
        neuron: whose step to run.
        source: of currents.
        parameters: [P, N] float32, N a multiple of 64.
        depth: [N] float32, the margin from which on a neuron is in its window.
        valid: [N / 64] uint64, a bit for each neuron that exists.
        state: [S, B, N] float32, before the first step.
        first_spike: [N / 64, B] uint64, the spikes before the first step.
        steps: T.
        batch: B.
        groups: how many groups the samples are cut into, whatever the number of threads.
        spikes: [N / 64, B * T] uint64, written: who spiked.
        near: likewise, who is in its window.
        margins: [N / 64, (B * T + groups) * 64] float32, written: the margins inside the window, packed to the left in
            the part of each group of samples, which has room for a block more than it needs.
        entries: [N / 64, B] int64, written: how many of them each sample has.
        last_state: [S, B, N] float32, written.
        last_spike: [B, N] float32, written: zeros and ones, who spiked at the last step.
        history: [K, B * T, N] float32, written: what the neuron keeps of each step for its backward pass.
        raster: a sink for the spikes as zeros and ones.
    """
    control = flush_denormals()
    blocks, neurons = spikes.shape[0], parameters.shape[1]
    task = take_next(counter)
    while task < blocks * groups:
        k, group = task // groups, task % groups
        approach(source, k)
        _forward_block(
            width, neuron, source, parameters.ravel(), depth, valid[k], state.ravel(), first_spike[k], steps, batch,
            batch * group // groups, batch * (group + 1) // groups, group,
            spikes[k], near[k], margins[k], entries[k], last_state.ravel(),
            last_spike.ravel(), history.ravel(), raster, k, neurons,
        )  # fmt: skip
        task = take_next(counter)
    restore_denormals(control)


@inlined
def _forward_block(
    width, neuron, source, parameters, depth, valid, state, first_spike, steps, batch, first_sample, end_sample, group,
    spikes, near, margins, entries, last_state, last_spike, history, raster, k, neurons,
):  # fmt: skip
    zero, one = full(width, _ZERO), full(width, _ONE)
    at = k * BLOCK
    p = load_parameters(width, neuron, parameters, at, neurons)
    edge = load(width, depth, at)
    stored = np.uint64((first_sample * steps + group) * BLOCK)
    for b in range(first_sample, end_sample):
        x = load_states(width, neuron, state, b * neurons + at, batch * neurons)
        spike = select(first_spike[b], one, zero)
        before = stored
        for r in range(b * steps, (b + 1) * steps):
            heard = current(width, source, k, r)
            store_blocks(history, r * neurons + at, batch * steps * neurons, what_is_kept(neuron, x, heard))
            x, margin = step(neuron, x, spike, heard, p)
            spike = heaviside(margin)
            inside = at_least(margin, edge) & valid
            spikes[r] = at_least(margin, zero) & valid
            near[r] = inside
            paint(width, raster, k, r, spikes[r])
            compress(margins, stored, inside, margin)
            stored += popcount(inside)
        entries[b] = stored - before
        store_blocks(last_state, b * neurons + at, batch * neurons, x)
        store(last_spike, b * neurons + at, select(spikes[(b + 1) * steps - 1], one, zero))


@kernel
def backward(
    counter,
    width,
    neuron,
    sink,
    parameters,
    spikes,
    near,
    kept,
    first_spike,
    row_start,
    spike_count,
    entry_end,
    slope,
    history,
    d_active,
    d_entry,
    d_raster,
    d_last_state,
    d_last_spike,
    steps,
    batch,
    parts,
    groups,
    bounds,
    done,
    d_bias,
    d_learned,
    d_state,
    d_spike,
):
    """Run all blocks backward in time; a task is one part, every `parts`-th block, and one group of samples.

    A group's samples come in chunks: a block goes through a chunk, then its sink settles what it took in. Before, tasks
    list a chunk's spikes for the sink, or bring a sample's derivatives into the order of blocks; last come those that
    add up the sink's sums.

    Args:
        counter: shared task counter.
        width: lanes.
        neuron: whose adjoint to run.
        sink: of the gradients by the currents.
        parameters: [P, N] float32.
        spikes: [N / 64, B * T] uint64, from the forward pass.
        near: likewise.
        kept: likewise, the window entries that left the layer.
        first_spike: [N / 64, B] uint64.
        row_start: [B * T + 1] int64, where the rows of what left the layer begin.
        spike_count: [B * T] int32, how many of each spiked.
        entry_end: [N / 64, B] int64, where each sample's window entries end in `slope` and `d_entry`.
        slope: [E] float32, the surrogate's derivative at each window entry, block after block.
        history: [K, B * T, N] float32, what the neuron kept of the forward pass.
        d_active: [K] float32, the loss's derivative by each spike from outside, row by row; or none, for zeros.
        d_entry: [E] float32, written: the same in the order of blocks; or none.
        d_raster: more of them, by zeros and ones; laid out as their sink.
        d_last_state: [S, B, N] float32, by the states after the last step.
        d_last_spike: [B, N] float32, by the last step's spikes as part of the state.
        steps: T.
        batch: B.
        parts: how many parts the blocks are cut into, whatever the number of threads.
        groups: how many groups the samples are cut into.
        bounds: [chunks + 1] int64, the samples at which chunks begin; each group has as many.
        done: [2] int64 zeros: how many tasks before the scan, and of the scan, have finished.
        d_bias: [chunks, N] float32, written: the sum of the gradients by the currents.
        d_learned: [chunks, L, N] float32, written: the gradients by the learned parameters.
        d_state: [S, B, N] float32, written: by the states before the first step.
        d_spike: [B, N] float32, written: by the spikes before the first step, through the neuron itself.
    """
    control = flush_denormals()
    blocks, neurons = spikes.shape[0], parameters.shape[1]
    chunks, listed = (len(bounds) - 1) // groups, lists(sink)
    before = listed + (batch if len(d_active) else 0)
    gradients, at = table(sink), np.empty(blocks, np.uint64)
    task = take_next(counter)
    while task < before + parts * groups + endings(sink):
        if task < listed:
            list_chunk(sink, task, bounds, steps)
            finish(done, 0)
        elif task < before:
            to_blocks(
                width, spikes, near, kept, row_start, spike_count, entry_end, steps, task - listed, at,
                d_active, d_entry,
            )  # fmt: skip
            finish(done, 0)
        elif task < before + parts * groups:
            wait_for(done, 0, before)
            part, group = (task - before) // groups, (task - before) % groups
            clear(sink, part, bounds[group * chunks] * steps, bounds[(group + 1) * chunks] * steps)
            for k in range(part, blocks, parts):
                approach(sink, k)
                for chunk in range(group * chunks, (group + 1) * chunks):
                    first, behind = bounds[chunk], bounds[chunk + 1]
                    _backward_block(
                        width, neuron, sink, gradients, parameters.ravel(), spikes[k], near[k], first_spike[k],
                        entry_end[k], slope, history.ravel(), d_entry, d_raster, d_last_state.ravel(),
                        d_last_spike.ravel(), steps, batch, first, behind, part, d_bias[chunk],
                        d_learned[chunk].ravel(), d_state.ravel(), d_spike.ravel(), k, neurons,
                    )  # fmt: skip
                    settle(width, sink, gradients, k, group, chunk, first * steps, chunk == group * chunks)
            finish(done, 1)
        else:
            wait_for(done, 1, parts * groups)
            end(sink, task - before - parts * groups)
        task = take_next(counter)
    restore_denormals(control)


@inlined
def _backward_block(
    width, neuron, sink, gradients, parameters, spikes, near, first_spike, entry_end, slope, history, d_entry, d_raster,
    d_last_state, d_last_spike, steps, batch, first_sample, end_sample, part,
    d_bias, d_learned, d_state, d_spike, k, neurons,
):  # fmt: skip
    zero, one = full(width, _ZERO), full(width, _ONE)
    at = k * BLOCK
    p = load_parameters(width, neuron, parameters, at, neurons)
    bias, learned = zero, no_blocks(width, neuron)
    for b in range(first_sample, end_sample):
        first, end = b * steps, (b + 1) * steps
        x = load_states(width, neuron, d_last_state, b * neurons + at, batch * neurons)
        s = load(width, d_last_spike, b * neurons + at)
        entry = np.uint64(entry_end[b])
        for i in range(steps):
            r = end - 1 - i
            inside = near[r]
            entry -= popcount(inside)
            outer = add(expand(width, d_entry, entry, inside), s) if d_entry.shape[0] > 0 else s
            outer = add_painted(width, d_raster, k, r, outer)
            before = spikes[r - 1] if r > first else first_spike[b]
            kept = load_kept(width, neuron, history, r * neurons + at, batch * steps * neurons)
            x, s, d, by_learned = adjoint(
                neuron, x, multiply(expand(width, slope, entry, inside), outer), select(before, one, zero), p, kept
            )
            bias, learned = add(bias, d), add_blocks(learned, by_learned)
            absorb(width, sink, gradients, k, part, first_sample * steps, r, d)
        store_blocks(d_state, b * neurons + at, batch * neurons, x)
        store(d_spike, b * neurons + at, s)
    store(d_bias, at, bias)
    store_blocks(d_learned, at, neurons, learned)
