"""A layer of neurons that hear each other, backward through all time steps.

Workers, units and the order of window entries are those of `recurrent`. All samples go back a step together; after each
stretch of steps the owners of blocks sum the gradients by their weights out of the stretch's adjoints, which are still
in the cache.
"""

from typing import Any, NamedTuple

import numpy as np

from spikeloom.kernels.cpu.bits import (
    expand,
    finish,
    flush_denormals,
    popcount,
    restore_denormals,
    take_next,
)
from spikeloom.kernels.cpu.columns import sum_places
from spikeloom.kernels.cpu.compile import inlined, kernel
from spikeloom.kernels.cpu.entries import hear, list_entries, sort_entries
from spikeloom.kernels.cpu.neuron import (
    add_blocks,
    adjoint,
    feeds_back,
    load_kept,
    load_learned,
    load_parameters,
    load_states,
    store_blocks,
)
from spikeloom.kernels.cpu.simd import (
    BLOCK,
    QUAD,
    add,
    full,
    load,
    multiply,
    select,
    store,
)
from spikeloom.kernels.cpu.sources import add_products
from spikeloom.kernels.cpu.stretches import list_bits, list_rows
from spikeloom.kernels.cpu.team import claim, part_of, wait_for

_ZERO, _ONE = np.float32(0), np.float32(1)


class Record(NamedTuple):
    """What the forward pass left.

    `spikes`, `near` and `kept` are [N / 64, B * T] uint64: who spiked, who was in its window, and whose window entries
    left the layer. `first_spike` is [N / 64, B] uint64, the spikes before the first step. `slope` is [E] float32, the
    surrogate's derivative at each window entry; `entry_end` [units] int64, where each unit's entries end in it.
    `history` is [K, B * T, N] float32, what the neuron kept of each step.
    """

    spikes: Any
    near: Any
    kept: Any
    first_spike: Any
    slope: Any
    entry_end: Any
    history: Any


class Upstream(NamedTuple):
    """The loss's derivatives by what the layer returned.

    `active` is [K] float32, by each spike from outside, in the order of the output's rows; `row_start` [B * T + 1]
    int64 says where each row begins in it, and `spike_end` [B * T] where the part of those that spiked ends.
    `last_state` is [S, B, N], by the states after the last step; `last_spike` [B, N], by its spikes as part of the
    state.
    """

    active: Any
    row_start: Any
    spike_end: Any
    last_state: Any
    last_spike: Any


class Input(NamedTuple):
    """What the layer heard from outside: rows of ids, its weights and their gradients.

    `ids`, `row_start`, `spike_count` as in `Gathered`, of I inputs; `weight` and `d_weight` are flat [N / 64, I, 64].
    `columns` has room for the spikes by input, a row of `start` for each stretch. `d_input` is [parts, K] float32, one
    row for each part of the blocks, or [parts, 0] where no gradient by the input is wanted. A dense input has no ids
    and I = 0.
    """

    ids: Any
    row_start: Any
    spike_count: Any
    weight: Any
    d_weight: Any
    columns: Any
    d_input: Any


class Inner(NamedTuple):
    """The weights between the neurons, flat [N / 64, N, 64], their gradient, and room for columns as in `Input`."""

    weight: Any
    d_weight: Any
    columns: Any


class Room(NamedTuple):
    """What the workers of a backward pass of M samples share.

    `sent` is flat [N, N], a row for each neuron: the weights that it sends its spikes by, as `simd.load` takes them.
    `states` flat [S, N / 64, M, 64] and `fed` flat [N / 64, M, 64] are derivatives by the states and the spikes,
    `table` flat [N / 64, stretch, M, 64] the adjoints of a stretch of steps, with room of one size behind each block's.
    `fired` [stretch + 1, N / 64, M] uint64 are the spikes of a stretch behind those of the step before it, `inside`
    [2, stretch, N / 64, M] who was in its window and whose window entry was kept. `place` [units] int64 says where a
    unit's next entries end, `base` [2, stretches] uint64 where the places of each stretch begin in the columns: the
    layer's own, and those from outside.
    """

    sent: Any
    states: Any
    fed: Any
    table: Any
    fired: Any
    inside: Any
    place: Any
    base: Any


@kernel
def backward(
    counter, width, neuron, parameters, record, upstream, outside, inner, steps, first, end, slices, stretch, parts,
    pieces, fresh, team, room, d_bias, d_learned, d_state, d_spike, d_first,
):  # fmt: skip
    """Run some samples backward in time, all of them step by step, and add up the gradients by the weights.

    Args:
        counter: shared counter of the workers.
        width: lanes.
        neuron: whose adjoint to run.
        parameters: [P, N] float32.
        record: see `Record`.
        upstream: see `Upstream`.
        outside: see `Input`.
        inner: see `Inner`.
        steps: T.
        first: the first sample.
        end: the one behind the last.
        slices: into how many slices the forward pass cut the samples.
        stretch: of so many steps the adjoints are kept, until they are summed.
        parts: how many parts the blocks are cut into, whatever the number of threads.
        pieces: into how many pieces a part's sums are cut.
        fresh: whether the gradients by the weights are written, whatever they held, or added to.
        team: of the workers, see `Team`; a phase for each step, one more for each stretch, and a first one.
        room: see `Room`.
        d_bias: [N] float32, added to: the sum of the adjoints.
        d_learned: [B, L, N] float32, added to: each sample's gradients by the learned parameters.
        d_state: [S, B, N] float32, written: by the states before the first step.
        d_spike: [B, N] float32, written: by the spikes before the first step, through the neuron itself.
        d_first: [B, N] float32, written: the adjoints at the first step.
    """
    control = flush_denormals()
    # Taken out of their tuples here: inside the loops Numba would count references to them at each use.
    taken, done, used, shares = team.taken.ravel(), team.done, team.used, team.taken.shape[1]
    sent, states, fed, table, fired, inside, place, base = room
    spikes, near, kept, first_spike, slope, entry_end, history = record
    active, row_start, spike_end = upstream.active, upstream.row_start, upstream.spike_end
    last_state, last_spike, remembered = upstream.last_state.ravel(), upstream.last_spike.ravel(), history.ravel()
    numbers, by_learned, by_state = parameters.ravel(), d_learned.ravel(), d_state.ravel()
    by_spike, by_first = d_spike.ravel(), d_first.ravel()
    blocks, samples, batch = spikes.shape[0], end - first, first_spike.shape[1]
    neurons, stretches = blocks * BLOCK, -(-steps // stretch)
    most = -(-samples // slices) * BLOCK + QUAD
    lists = np.empty((6, most), np.uint32)
    reached, outer = np.empty(most, np.float32), np.empty((2, most), np.float32)
    nexts = np.empty((2, samples), np.int64)
    me = take_next(counter)
    for i in range(shares):
        share = (me + i) % shares
        if claim(taken, share):
            begin, behind = part_of(blocks * slices, share, shares)
            for unit in range(begin, behind):
                low, high = part_of(samples, unit % slices, slices)
                place[unit] = entry_end[unit]
                for b in range(low, high):
                    at, here = (first + b) * neurons + unit // slices * BLOCK, (unit // slices * samples + b) * BLOCK
                    x = load_states(width, neuron, last_state, at, batch * neurons)
                    store_blocks(states, here, blocks * samples * BLOCK, x)
                    store(fed, here, load(width, last_spike, at))
                origin = (stretches - 1) * stretch
                _fetch(
                    spikes,
                    near,
                    kept,
                    first_spike,
                    fired,
                    inside,
                    unit // slices,
                    first,
                    low,
                    high,
                    steps,
                    origin,
                    steps,
                )
            begin, behind = part_of(neurons, share, shares)
            _transpose(inner.weight, begin, behind, neurons, sent)
            begin, behind = part_of(stretches, share, shares)
            for s in range(begin, behind):
                _list_columns(record, outside, inner, first, end, steps, s * stretch, stretch, s, used, base)
            finish(done, 0)
    phase = 1
    for s in range(stretches - 1, -1, -1):
        origin, after = s * stretch, min((s + 1) * stretch, steps)
        # The step before the stretch stands for its sums.
        for t in range(after - 1, origin - 2, -1):
            wait_for(done, phase - 1, shares)
            for i in range(shares):
                share = (me + i) % shares
                if claim(taken, phase * shares + share):
                    begin, behind = part_of(blocks * slices, share, shares)
                    for turn in range(begin, behind):
                        # There and back: a step begins with the weights that the one before left in the cache.
                        unit = turn if t % 2 == 0 else begin + behind - 1 - turn
                        low, high = part_of(samples, unit % slices, slices)
                        if t >= origin:
                            _run(
                                width, neuron, numbers, fired, inside, slope, remembered, active, row_start, spike_end,
                                sent, states, fed, table, place, steps, first, low, high, samples, batch, stretch, t,
                                origin, after, unit, unit // slices, turn - begin < slices, lists, reached, outer,
                                nexts, by_learned, by_state, by_spike, by_first,
                            )  # fmt: skip
                        elif s > 0:
                            _fetch(
                                spikes, near, kept, first_spike, fired, inside, unit // slices, first, low, high, steps,
                                origin - stretch, origin,
                            )  # fmt: skip
                    if t < origin:
                        begin, behind = part_of(parts * pieces, share, shares)
                        for unit in range(begin, behind):
                            _take_in(
                                width, outside, inner, table, base, first, samples, steps, origin, after, s, blocks,
                                unit // pieces, parts, unit % pieces, pieces, fresh and after == steps, d_bias,
                            )  # fmt: skip
                    finish(done, phase)
            phase += 1
    restore_denormals(control)


@inlined
def _fetch(spikes, near, kept, first_spike, fired, inside, k, first, low, high, steps, origin, after):
    """Bring a unit's bits of a stretch into the order in which they are read."""
    for b in range(low, high):
        r = (first + b) * steps + origin
        fired[0, k, b] = first_spike[k, first + b]
        if origin > 0:
            fired[0, k, b] = spikes[k, r - 1]
        for j in range(after - origin):
            fired[j + 1, k, b] = spikes[k, r + j]
            inside[0, j, k, b] = near[k, r + j]
            inside[1, j, k, b] = kept[k, r + j]


@inlined
def _transpose(weight, begin, behind, neurons, sent):
    """Bring the weights [N / 64, N, 64] that some neurons send their spikes by to rows [N, N]."""
    words = len(weight) // neurons // (neurons // BLOCK)
    for k in range(neurons // BLOCK):
        for n in range(begin, behind):
            source, target = (k * neurons + n) * words, (n * (neurons // BLOCK) + k) * words
            for i in range(words):
                sent[target + i] = weight[source + i]


@inlined
def _list_columns(record, outside, inner, first, end, steps, origin, stretch, s, used, base):
    """List the spikes that the steps of a stretch heard, by neuron: the layer's own, and those from outside."""
    after = min(origin + stretch, steps)
    base[0, s] = list_bits(
        record.spikes, first, end, steps, origin, after, inner.columns.start[s], inner.columns.places, used, 0
    )
    if outside.columns.start.shape[1] > 1:
        base[1, s] = list_rows(
            outside.ids, outside.row_start, outside.spike_count, first, end, steps, origin, after,
            outside.columns.start[s], outside.columns.places, used, 1,
        )  # fmt: skip


@inlined
def _run(
    width, neuron, parameters, fired, inside, slope, history, active, row_start, spike_end, sent, states, fed, table,
    place, steps, first, low, high, samples, batch, stretch, t, origin, after, unit, k, newly, lists, reached, outer,
    nexts, d_learned, d_state, d_spike, d_first,
):  # fmt: skip
    """Step `t` of a unit; `newly` where its share has had none of its samples before at this step.

    Blocks come in ascending order at even steps, in descending order at odd ones.
    """
    at, now, blocks, neurons = k * BLOCK, t - origin, fired.shape[1], fired.shape[1] * BLOCK
    zero, one, learned = full(width, _ZERO), full(width, _ONE), d_learned.shape[0] // (batch * neurons)
    room = len(table) // blocks
    count = list_entries(
        fired[now + 1], inside[0, now], inside[1, now], active, row_start, spike_end, k, first, low, high, steps, t,
        newly, lists, outer[0], nexts,
    )  # fmt: skip
    place[unit] -= np.int64(count)
    entry = np.uint64(place[unit])
    if t < steps - 1:
        sort_entries(lists, count)
        behind = (t + 1 - origin) * samples * BLOCK if t < after - 1 else 0
        hear(width, sent, at * neurons, table, behind, room, blocks, lists, count, outer[1], reached)
    else:
        reached[:count] = _ZERO
    for j in range(count):
        reached[j] = slope[entry + j] * (reached[j] + outer[0, j])
    p, e, far = load_parameters(width, neuron, parameters, at, neurons), np.uint64(0), blocks * samples * BLOCK
    for b in range(low, high):
        r, here, there = (first + b) * steps + t, (k * samples + b) * BLOCK, (first + b) * neurons + at
        x, word = load_states(width, neuron, states, here, far), inside[0, now, k, b]
        by_margin = expand(width, reached, e, word)
        if feeds_back(neuron) or t == steps - 1:
            by_margin = add(by_margin, multiply(expand(width, slope, entry + e, word), load(width, fed, here)))
        e += popcount(word)
        remembered = load_kept(width, neuron, history, r * neurons + at, batch * steps * neurons)
        spiked = select(fired[now, k, b], one, zero)
        x, back, d, by_learned = adjoint(neuron, x, by_margin, spiked, p, remembered)
        store_blocks(states, here, far, x)
        if feeds_back(neuron):
            store(fed, here, back)
        store(table, k * room + (now * samples + b) * BLOCK, d)
        sums = ((first + b) * learned * blocks + k) * BLOCK
        sofar = load_learned(width, neuron, d_learned, sums, neurons)
        store_blocks(d_learned, sums, neurons, add_blocks(sofar, by_learned))
        if t == 0:
            store_blocks(d_state, there, batch * neurons, x)
            store(d_spike, there, back)
            store(d_first, there, d)


@inlined
def _take_in(
    width, outside, inner, table, base, first, samples, steps, origin, after, s, blocks, part, parts, piece, pieces,
    fresh, d_bias,
):  # fmt: skip
    """Add what a stretch gives for a part of the blocks: for a piece of the inputs' gradients, of the input's rows."""
    neurons, inputs = blocks * BLOCK, outside.columns.start.shape[1] - 1
    low, high = part_of(neurons, piece, pieces)
    from_input, to_input = part_of(inputs, piece, pieces)
    first_sample, end_sample = part_of(samples, piece, pieces)
    for k in range(blocks * part // parts, blocks * (part + 1) // parts):
        mine = table[k * (len(table) // blocks) :]
        if piece == 0:
            # A sum for each step first: thousands of numbers one after the other lose digits.
            bias = load(width, d_bias, k * BLOCK)
            for i in range(after - origin):
                total = full(width, _ZERO)
                for b in range(samples):
                    total = add(total, load(width, mine, (i * samples + b) * BLOCK))
                bias = add(bias, total)
            store(d_bias, k * BLOCK, bias)
        sum_places(
            width, inner.d_weight, np.uint64(k * neurons * BLOCK), inner.columns.start[s], inner.columns.places,
            base[0, s], mine, low, high, fresh,
        )  # fmt: skip
        if inputs > 0:
            sum_places(
                width, outside.d_weight, np.uint64(k * inputs * BLOCK), outside.columns.start[s],
                outside.columns.places, base[1, s], mine, from_input, to_input, fresh,
            )  # fmt: skip
        if outside.d_input.shape[1] > 0:
            for b in range(first_sample, end_sample):
                for t in range(origin, after):
                    r = (first + b) * steps + t
                    add_products(
                        outside.weight, np.uint64(k * inputs * BLOCK), outside.ids, outside.row_start[r],
                        outside.row_start[r + 1], load(width, mine, ((t - origin) * samples + b) * BLOCK),
                        outside.d_input[part],
                    )  # fmt: skip
