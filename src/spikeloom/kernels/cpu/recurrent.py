"""A layer of neurons that hear each other, through all time steps, forward and backward.

Samples are dealt to the workers, since only neurons of one sample are coupled. Rows are sample-major, r = b * T + t;
window entries lie in the order of rows, ascending in a row.
"""

import numpy as np

from spikeloom.kernels.cpu.bits import (
    compress,
    finish,
    finished,
    flush_denormals,
    popcount,
    restore_denormals,
    take_next,
    trailing_zeros,
)
from spikeloom.kernels.cpu.columns import add_columns, columns_of_bits, columns_of_rows
from spikeloom.kernels.cpu.compile import inlined, kernel
from spikeloom.kernels.cpu.neuron import (
    add_blocks,
    adjoint,
    load_kept,
    load_learned,
    load_parameters,
    load_states,
    no_blocks,
    step,
    store_blocks,
    what_is_kept,
)
from spikeloom.kernels.cpu.simd import (
    BLOCK,
    QUAD,
    across,
    add,
    add_dot4,
    at_least,
    full,
    load,
    no_sums,
    select,
    store,
    store_quad,
)
from spikeloom.kernels.cpu.sources import add_products, ahead, gather, ready, room

_ZERO, _ONE = np.float32(0), np.float32(1)
# Floats of currents that are made ahead of the neurons: half of a core's L2 cache.
ROOM = 1 << 18
# Lists of a chunk's spikes by neuron: the layer's own, and those from outside.
LISTS = 2


@kernel
def forward(
    counter, width, neuron, source, recurrent, parameters, depth, valid, state, first_spike, steps, batch, together,
    spikes, near, margins, entries, last_state, history,
):  # fmt: skip
    """Run all samples forward; a task is a few samples.

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
        together: how many samples a task has; their currents from outside are summed before the neurons run.
        spikes: [N / 64, B * T] uint64, written: who spiked.
        near: likewise, who is in its window.
        margins: [B, T * N] float32, written: each sample's margins inside the window, packed to the left.
        entries: [B] int64, written: how many there are.
        last_state: [S, B, N] float32, written.
        history: [K, B * T, N] float32, written: what the neuron keeps of each step for its backward pass.
    """
    control = flush_denormals()
    blocks, neurons = spikes.shape[0], parameters.shape[1]
    # A stretch of steps whose currents stay in the cache until the neurons have taken them.
    stretch = min(steps, max(1, ROOM // (together * neurons)))
    currents, ids = room(source, together * stretch * neurons), np.empty(neurons, np.uint32)
    first = take_next(counter) * together
    while first < batch:
        end = min(first + together, batch)
        last_state[:, first:end] = state[:, first:end]
        entries[first:end] = 0
        for t in range(0, steps, stretch):
            size = min(stretch, steps - t)
            if stretch == steps:
                ahead(width, source, currents, blocks, first * steps, (end - first) * steps)
            for b in range(first, end):
                begin, made = (first * steps, (end - first) * steps) if stretch == steps else (b * steps + t, size)
                if stretch < steps:
                    ahead(width, source, currents, blocks, begin, made)
                _forward_sample(
                    width, neuron, source, currents, begin, made, recurrent, parameters.ravel(), depth, valid,
                    first_spike, b * steps, b * steps + t, size, batch, b, ids,
                    spikes, near, margins[b], entries, last_state.ravel(), history.ravel(), steps,
                )  # fmt: skip
        first = take_next(counter) * together
    restore_denormals(control)


@inlined
def _forward_sample(
    width, neuron, source, currents, begin, made, recurrent, parameters, depth, valid, first_spike,
    first_row, row, rows, batch, b, ids,
    spikes, near, margins, entries, states, history, steps,
):  # fmt: skip
    """Run `rows` steps of sample `b`, from row `row` on; its first is `first_row`."""
    blocks = spikes.shape[0]
    neurons = blocks * BLOCK
    zero, one = full(width, _ZERO), full(width, _ONE)
    stride, stored = batch * neurons, np.uint64(entries[b])
    heard = _list(spikes, row - 1, ids) if row > first_row else _list(first_spike, b, ids)
    for r in range(row, row + rows):
        for k in range(blocks):
            at = k * BLOCK
            before = first_spike[k, b]
            if r > first_row:
                before = spikes[k, r - 1]
            inner = gather(width, zero, recurrent, np.uint64(at * neurons), ids, np.uint64(0), heard)
            p = load_parameters(width, neuron, parameters, at, neurons)
            x = load_states(width, neuron, states, b * neurons + at, stride)
            total = add(ready(width, source, currents, begin, made, k, r), inner)
            store_blocks(history, r * neurons + at, stride * steps, what_is_kept(neuron, x, total))
            x, margin = step(neuron, x, select(before, one, zero), total, p)
            inside = at_least(margin, load(width, depth, at)) & valid[k]
            spikes[k, r] = at_least(margin, zero) & valid[k]
            near[k, r] = inside
            compress(margins, stored, inside, margin)
            stored += popcount(inside)
            store_blocks(states, b * neurons + at, stride, x)
        heard = _list(spikes, r, ids)
    entries[b] = stored


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
    counter, width, neuron, parameters, record, upstream, outside, inner, steps, first, end, chunk, parts, done,
    d_current, d_bias, d_learned, d_state, d_spike, d_first,
):  # fmt: skip
    """Run some samples backward in time, and add up the gradients by the weights.

    Samples come in chunks. A task is one sample of a chunk, whose adjoint runs through time; a list of the chunk's
    spikes by neuron; or one part of the blocks, every `parts`-th, which takes in a chunk's adjoints. A chunk's blocks
    come after the next chunk's samples, so that workers seldom wait for one another.

    Args:
        counter: shared task counter.
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
        chunk: how many samples a chunk has; nothing that is written for good depends on it.
        parts: how many parts the blocks are cut into, whatever the number of threads.
        done: [3, chunks] int64 zeros: how many tasks of each kind the chunks have finished.
        d_current: [slots, N / 64, T, 64] float32, written: the adjoints of a few chunks' samples.
        d_bias: [N] float32, added to: the sum of the adjoints.
        d_learned: [B, L, N] float32, written: each sample's gradients by the learned parameters.
        d_state: [S, B, N] float32, written: by the states before the first step.
        d_spike: [B, N] float32, written: by the spikes before the first step, through the neuron itself.
        d_first: [B, N] float32, written: the adjoints at the first step.
    """
    control = flush_denormals()
    blocks, chunks, slots = record.spikes.shape[0], done.shape[1], d_current.shape[0]
    neurons = blocks * BLOCK
    ids, heard = np.empty(neurons, np.uint32), np.empty(neurons + QUAD, np.float32)
    reached = np.empty(neurons, np.float32)
    samples_done, lists_done, parts_done = done[0], done[1], done[2]
    # Taken out of their tuples here: inside the loops Numba would count references to them at each use.
    spikes, near, kept, first_spike, slope, entry_end, history = record
    remembered, by_learned = history.ravel(), d_learned.ravel()
    active, row_start, spike_end = upstream.active, upstream.row_start, upstream.spike_end
    last_state, last_spike, recurrent = upstream.last_state.ravel(), upstream.last_spike.ravel(), inner.weight
    d_states, fed_back, d_firsts, parameters = d_state.ravel(), d_spike.ravel(), d_first.ravel(), parameters.ravel()
    task = take_next(counter)
    while task < (chunks + 1) * (chunk + LISTS + parts):
        stage, place = task // (chunk + LISTS + parts), task % (chunk + LISTS + parts)
        begin, behind = first + stage * chunk, min(first + (stage + 1) * chunk, end)
        if place < chunk and begin + place < end:
            # The slot may have been that of an earlier chunk's sample, which the blocks have to have taken in.
            earlier = stage - slots // chunk if slots < end - first else -1
            while earlier >= 0 and finished(parts_done, earlier) < parts:
                pass
            b = begin + place
            _backward_sample(
                width, neuron, parameters, spikes, near, kept, first_spike, slope, entry_end, remembered,
                active, row_start, spike_end, last_state, last_spike, recurrent, steps, b, ids, heard, reached,
                d_current[(b - first) % slots].ravel(), by_learned, d_states, fed_back, d_firsts,
            )  # fmt: skip
            finish(samples_done, stage)
        elif chunk <= place < chunk + LISTS and begin < end:
            _list_columns(record, outside, inner, begin, behind, steps, stage, place == chunk)
            finish(lists_done, stage)
        elif place >= chunk + LISTS and stage > 0:
            at, part = stage - 1, place - chunk - LISTS
            begin, behind = begin - chunk, min(begin, end)
            # A part adds to what it made of the chunk before.
            while (
                finished(samples_done, at) < behind - begin
                or finished(lists_done, at) < LISTS
                or (at > 0 and finished(parts_done, at - 1) < parts)
            ):
                pass
            slot = (begin - first) % slots
            d = d_current[slot : slot + behind - begin].ravel()
            for k in range(part, blocks, parts):
                _take_in(width, record, outside, inner, begin, behind, steps, at, k, part, d, d_bias)
            finish(parts_done, at)
        task = take_next(counter)
    restore_denormals(control)


@inlined
def _list_columns(record, outside, inner, first, end, steps, chunk, own):
    """Turn the spikes of a chunk's samples, the layer's own or those from outside, into columns."""
    stride = record.spikes.shape[0] * steps
    if own:
        columns_of_bits(
            record.spikes, first, end, steps, stride, inner.columns.start[chunk], inner.columns.places,
            _first_entry(record, first),
        )  # fmt: skip
    elif outside.columns.start.shape[1] > 1:
        columns_of_rows(
            outside.ids, outside.row_start, outside.spike_count, first, end, steps, stride,
            outside.columns.start[chunk], outside.columns.places, outside.row_start[first * steps],
        )  # fmt: skip


@inlined
def _first_entry(record, b):
    """Where the window entries of sample `b` begin; there are at least as many as spikes."""
    return np.uint64(record.entry_end[b - 1]) if b > 0 else np.uint64(0)


@inlined
def _take_in(width, record, outside, inner, first, end, steps, chunk, k, part, d, d_bias):
    """Add what a chunk's samples give for block `k`; `d` [b, N / 64, T, 64] flat holds their adjoints."""
    blocks = record.spikes.shape[0]
    neurons, inputs = blocks * BLOCK, outside.columns.start.shape[1] - 1
    bias = load(width, d_bias, k * BLOCK)
    for i in range((end - first) * steps):
        bias = add(bias, load(width, d, ((i // steps * blocks + k) * steps + i % steps) * BLOCK))
    store(d_bias, k * BLOCK, bias)
    mine = d[k * steps * BLOCK :]
    add_columns(
        width, inner.d_weight, np.uint64(k * neurons * BLOCK), inner.columns.start[chunk], inner.columns.places,
        _first_entry(record, first), mine,
    )  # fmt: skip
    row = np.uint64(k * inputs * BLOCK)
    if inputs > 0:
        add_columns(
            width, outside.d_weight, row, outside.columns.start[chunk], outside.columns.places,
            outside.row_start[first * steps], mine,
        )  # fmt: skip
    if outside.d_input.shape[1] > 0:
        for r in range(first * steps, end * steps):
            at = ((r // steps - first) * blocks * steps + r % steps) * BLOCK
            add_products(
                outside.weight, row, outside.ids, outside.row_start[r], outside.row_start[r + 1],
                load(width, mine, at), outside.d_input[part],
            )  # fmt: skip


@inlined
def _backward_sample(
    width, neuron, parameters, spikes, near, kept, first_spike, slope, entry_end, history,
    active, row_start, spike_end, last_state, last_spike, recurrent, steps, b, ids, heard, reached,
    d_current, d_learned, states, fed_back, d_first,
):  # fmt: skip
    """Run one sample backward; its adjoints go into `d_current` [N / 64, T, 64]."""
    blocks, batch = spikes.shape[0], first_spike.shape[1]
    neurons, learned = blocks * BLOCK, d_learned.shape[0] // (batch * blocks * BLOCK)
    zero, one, stride = full(width, _ZERO), full(width, _ONE), batch * neurons
    for k in range(blocks):
        at = b * neurons + k * BLOCK
        store_blocks(states, at, stride, load_states(width, neuron, last_state, at, stride))
        store(fed_back, at, load(width, last_spike, at))
        store(reached, k * BLOCK, zero)
        store_blocks(d_learned, (b * learned * blocks + k) * BLOCK, neurons, no_blocks(width, neuron))
    entry = np.uint64(entry_end[b])
    for i in range(steps):
        t = steps - 1 - i
        r = b * steps + t
        listed = _list(near, r, ids)
        entry -= listed
        if t < steps - 1:
            _hear(width, recurrent, steps, t + 1, blocks, ids, listed, d_current, heard)
        else:
            heard[: np.int64(listed)] = _ZERO
        fired, only_near = np.uint64(row_start[r]), np.uint64(spike_end[r])
        # The gradient by the margin of each neuron in its window; elsewhere it is zero.
        for j in range(listed):
            n = np.uint64(ids[j])
            k_of, bit = n // np.uint64(BLOCK), np.uint64(1) << n % np.uint64(BLOCK)
            outer = heard[j] + fed_back[np.uint64(b * neurons) + n]
            if kept[k_of, r] & bit:
                spiked = np.uint64((spikes[k_of, r] & bit) != np.uint64(0))
                outer += active[fired if spiked else only_near]
                fired += spiked
                only_near += np.uint64(1) - spiked
            reached[n] = slope[entry + np.uint64(j)] * outer
        for k in range(blocks):
            at = b * neurons + k * BLOCK
            p = load_parameters(width, neuron, parameters, k * BLOCK, neurons)
            x = load_states(width, neuron, states, at, stride)
            before = first_spike[k, b]
            if t > 0:
                before = spikes[k, r - 1]
            remembered = load_kept(width, neuron, history, r * neurons + k * BLOCK, stride * steps)
            x, fed, d, by_learned = adjoint(
                neuron, x, load(width, reached, k * BLOCK), select(before, one, zero), p, remembered
            )
            store_blocks(states, at, stride, x)
            store(fed_back, at, fed)
            store(d_current, (k * steps + t) * BLOCK, d)
            sums = (b * learned * blocks + k) * BLOCK
            before_it = load_learned(width, neuron, d_learned, sums, neurons)
            store_blocks(d_learned, sums, neurons, add_blocks(before_it, by_learned))
        for j in range(listed):
            reached[np.uint64(ids[j])] = _ZERO
    for k in range(blocks):
        store(d_first, b * neurons + k * BLOCK, load(width, d_current, k * steps * BLOCK))


@inlined
def _hear(width, recurrent, steps, t, blocks, ids, listed, d_current, heard):
    """What the listed neurons hear of step `t` through the weights that they send their spikes by: V^T lam[t]."""
    neurons, block, four = np.uint64(blocks * BLOCK), np.uint64(BLOCK), np.uint64(4)
    i = np.uint64(0)
    while i < listed:
        last = listed - np.uint64(1)
        a, b = np.uint64(ids[i]) * block, np.uint64(ids[min(i + np.uint64(1), last)]) * block
        c, e = np.uint64(ids[min(i + np.uint64(2), last)]) * block, np.uint64(ids[min(i + np.uint64(3), last)]) * block
        sums = no_sums(width)
        for k in range(blocks):
            base = np.uint64(k) * neurons * block
            d = load(width, d_current, (k * steps + t) * BLOCK)
            sums = add_dot4(sums, recurrent, base + a, base + b, base + c, base + e, d)
        # The places behind the last are room.
        store_quad(heard, i, across(sums))
        i += four
