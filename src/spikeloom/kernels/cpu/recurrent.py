"""A layer of neurons that hear each other, forward through all time steps.

Blocks of neurons are dealt to the workers, and all samples take a step together: a worker's weights are then a part of
the layer's that stays in its core's cache, and each row of them serves many samples. Only spikes cross between workers,
which wait for each other at every step; see `team`. Rows are sample-major, r = b * T + t. A unit of work is a block and
a slice of the samples; window entries lie unit by unit, in a unit by step, then by sample, ascending in a block.
"""

from typing import Any, NamedTuple

import numpy as np

from spikeloom.kernels.cpu.bits import (
    compress,
    finish,
    flush_denormals,
    popcount,
    restore_denormals,
    take_next,
    trailing_zeros,
)
from spikeloom.kernels.cpu.compile import inlined, kernel
from spikeloom.kernels.cpu.neuron import load_parameters, load_states, step, store_blocks, what_is_kept
from spikeloom.kernels.cpu.simd import BLOCK, add, at_least, full, load, select
from spikeloom.kernels.cpu.sources import ahead, gather, ready
from spikeloom.kernels.cpu.team import claim, part_of, wait_for

_ZERO, _ONE = np.float32(0), np.float32(1)


class Room(NamedTuple):
    """What the workers of a forward pass of M samples keep between steps.

    `currents` is flat [N / 64, stretch, M, 64], the currents from outside of a stretch of steps; `states` flat
    [S, N / 64, M, 64]. `fired` [stretch + 1, N / 64, M] uint64 holds the spikes of a stretch behind those of the step
    before it, `inside` [stretch, N / 64, M] who was in its window: in the order in which they are read, and by samples
    only when a stretch is over.
    """

    currents: Any
    states: Any
    fired: Any
    inside: Any


@kernel
def forward(
    counter, width, neuron, source, recurrent, parameters, depth, valid, state, first_spike, steps, first, end, slices,
    stretch, team, room, spikes, near, margins, entries, last_state, history,
):  # fmt: skip
    """Run some samples forward, all of them step by step.

    Args:
        counter: shared counter of the workers.
        width: lanes.
        neuron: whose step to run.
        source: of the currents from outside.
        recurrent: flat [N / 64, N, 64], the weights between the neurons, as `simd.load` takes them.
        parameters: [P, N] float32, N a multiple of 64.
        depth: [N] float32, the margin from which on a neuron is in its window.
        valid: [N / 64] uint64, a bit for each neuron that exists.
        state: [S, B, N] float32, before the first step.
        first_spike: [N / 64, B] uint64, the spikes before the first step.
        steps: T.
        first: the first sample.
        end: the one behind the last.
        slices: into how many slices the samples are cut.
        stretch: for so many steps at a time the currents from outside are summed, so that their weights are read once.
        team: of the workers, see `Team`; a phase for each step, and one more for each stretch.
        room: see `Room`.
        spikes: [N / 64, B * T] uint64, written: who spiked.
        near: likewise, who is in its window.
        margins: [units, room] float32, written: each unit's margins inside the window, packed to the left.
        entries: [units] int64, written: how many there are.
        last_state: [S, B, N] float32, written.
        history: [K, B * T, N] float32, written: what the neuron keeps of each step for its backward pass.
    """
    control = flush_denormals()
    # Taken out of their tuples here: inside the loops Numba would count references to them at each use.
    taken, done, shares = team.taken.ravel(), team.done, team.taken.shape[1]
    currents, states, fired, inside = room
    blocks, samples, batch, neurons = spikes.shape[0], end - first, state.shape[1], parameters.shape[1]
    numbers, before, last, kept = parameters.ravel(), state.ravel(), last_state.ravel(), history.ravel()
    ids, starts = np.empty(samples * neurons + BLOCK, np.uint32), np.empty(samples + 1, np.uint64)
    me, phase = take_next(counter), 0
    for origin in range(0, steps, stretch):
        after = min(origin + stretch, steps)
        # The step before the stretch stands for the currents of its steps.
        for t in range(origin - 1, after):
            if phase > 0:
                wait_for(done, phase - 1, shares)
            for i in range(shares):
                share = (me + i) % shares
                if claim(taken, phase * shares + share):
                    begin, behind = part_of(blocks * slices, share, shares)
                    if t >= origin:
                        low, high = _samples_of(begin, behind, samples, slices)
                        _list(fired[t - origin], low, high, ids, starts)
                    for turn in range(begin, behind):
                        # There and back: a step begins with the weights that the one before left in the cache.
                        unit = turn if t % 2 == 0 else begin + behind - 1 - turn
                        k = unit // slices
                        low, high = part_of(samples, unit % slices, slices)
                        if t >= origin:
                            _run(
                                width, neuron, source, currents, recurrent, numbers, depth, valid, states, fired,
                                inside, ids, starts, steps, first, low, high, samples, batch, t, origin, stretch, k,
                                margins[unit], entries, unit, last, kept,
                            )  # fmt: skip
                            if t == after - 1:
                                _write(fired, inside, spikes, near, k, first, low, high, steps, origin, after)
                        else:
                            _prepare(
                                width, neuron, source, currents, states, fired, before, first_spike, steps, first, low,
                                high, samples, batch, origin, after, stretch, k, entries, unit, neurons,
                            )  # fmt: skip
                    finish(done, phase)
            phase += 1
    restore_denormals(control)


@inlined
def _prepare(
    width, neuron, source, currents, states, fired, before, first_spike, steps, first, low, high, samples, batch,
    origin, after, stretch, k, entries, unit, neurons,
):  # fmt: skip
    """What a unit needs before a stretch: the currents from outside, and the spikes of the step before."""
    if origin == 0:
        entries[unit] = 0
    for b in range(low, high):
        for j in range(origin, after):
            ahead(
                width, source, currents, ((k * stretch + j - origin) * samples + b) * BLOCK, k, (first + b) * steps + j
            )
        if origin > 0:
            fired[0, k, b] = fired[stretch, k, b]
        else:
            fired[0, k, b] = first_spike[k, first + b]
            x = load_states(width, neuron, before, (first + b) * neurons + k * BLOCK, batch * neurons)
            store_blocks(states, (k * samples + b) * BLOCK, neurons * samples, x)


@inlined
def _write(fired, inside, spikes, near, k, first, low, high, steps, origin, after):
    """Write a unit's bits of a stretch to where they are kept."""
    for b in range(low, high):
        for j in range(after - origin):
            spikes[k, (first + b) * steps + origin + j] = fired[j + 1, k, b]
            near[k, (first + b) * steps + origin + j] = inside[j, k, b]


@inlined
def _samples_of(begin, behind, samples, slices):
    """The samples that some units have to do with, from the first to before the last."""
    if begin >= behind or behind - begin >= slices or begin % slices > (behind - 1) % slices:
        return np.int64(0), np.int64(samples)
    return part_of(samples, begin % slices, slices)[0], part_of(samples, (behind - 1) % slices, slices)[1]


@inlined
def _list(words, low, high, ids, starts):
    """Write the ids of the bits set in [N / 64, M] words, sample after sample, and where each sample's begin."""
    size = np.uint64(0)
    for b in range(low, high):
        starts[b] = size
        for k in range(words.shape[0]):
            word = words[k, b]
            while word != np.uint64(0):
                ids[size] = np.uint32(np.uint64(k * BLOCK) + trailing_zeros(word))
                size += np.uint64(1)
                word &= word - np.uint64(1)
    starts[high] = size


@inlined
def _run(
    width, neuron, source, currents, recurrent, parameters, depth, valid, states, fired, inside, ids, starts, steps,
    first, low, high, samples, batch, t, origin, stretch, k, margins, entries, unit, last_state, history,
):  # fmt: skip
    """Step `t` of a unit: block `k` of the samples from `low` to before `high`."""
    at, blocks = k * BLOCK, len(valid)
    neurons, far = blocks * BLOCK, blocks * samples * BLOCK
    zero, one = full(width, _ZERO), full(width, _ONE)
    p, edge, exists = load_parameters(width, neuron, parameters, at, neurons), load(width, depth, at), valid[k]
    now, stored = t - origin, np.uint64(entries[unit])
    for b in range(low, high):
        r = (first + b) * steps + t
        inner = gather(width, zero, recurrent, np.uint64(at * neurons), ids, starts[b], starts[b + 1])
        x = load_states(width, neuron, states, (k * samples + b) * BLOCK, far)
        total = add(ready(width, source, currents, ((k * stretch + now) * samples + b) * BLOCK, k, r), inner)
        store_blocks(history, r * neurons + at, batch * steps * neurons, what_is_kept(neuron, x, total))
        x, margin = step(neuron, x, select(fired[now, k, b], one, zero), total, p)
        close = at_least(margin, edge) & exists
        fired[now + 1, k, b] = at_least(margin, zero) & exists
        inside[now, k, b] = close
        compress(margins, stored, close, margin)
        stored += popcount(close)
        store_blocks(states, (k * samples + b) * BLOCK, far, x)
        if t == steps - 1:
            store_blocks(last_state, (first + b) * neurons + at, batch * neurons, x)
    entries[unit] = np.int64(stored)
