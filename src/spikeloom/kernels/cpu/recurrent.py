"""A layer of neurons that hear each other, through all time steps, forward and backward.

Samples are dealt to the workers, since only neurons of one sample are coupled. Rows are sample-major, r = b * T + t;
window entries lie in the order of rows, ascending in a row.
"""

from typing import Any, NamedTuple

import numpy as np

from spikeloom.kernels.cpu.bits import (
    compress,
    expand,
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
from spikeloom.kernels.cpu.neuron import adjoint, load_parameters, load_states, step, store_states
from spikeloom.kernels.cpu.simd import BLOCK, add, at_least, full, load, multiply, select, store
from spikeloom.kernels.cpu.sources import add_products, ahead, gather, ready, room

_ZERO, _ONE = np.float32(0), np.float32(1)
# Floats of currents that are made ahead of the neurons: half of a core's L2 cache.
ROOM = 1 << 18


@kernel
def forward(
    counter, width, neuron, source, recurrent, parameters, depth, valid, state, first_spike, steps, batch, together,
    spikes, near, margins, entries, last_state,
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
                    width, neuron, source, currents, begin, made, recurrent, parameters, depth, valid, first_spike,
                    b * steps, b * steps + t, size, batch, b, ids,
                    spikes, near, margins[b], entries, last_state.ravel(),
                )  # fmt: skip
        first = take_next(counter) * together
    restore_denormals(control)


@inlined
def _forward_sample(
    width, neuron, source, currents, begin, made, recurrent, parameters, depth, valid, first_spike,
    first_row, row, rows, batch, b, ids,
    spikes, near, margins, entries, states,
):  # fmt: skip
    """Run `rows` steps of sample `b`, from row `row` on; its first is `first_row`."""
    blocks, neurons = spikes.shape[0], parameters.shape[1]
    zero, one, silent = full(width, _ZERO), full(width, _ONE), np.zeros(BLOCK, np.float32)
    stride, stored = batch * neurons, np.uint64(entries[b])
    heard = _list(spikes, row - 1, ids) if row > first_row else _list(first_spike, b, ids)
    for r in range(row, row + rows):
        for k in range(blocks):
            at = k * BLOCK
            before = spikes[k, r - 1] if r > first_row else first_spike[k, b]
            inner = gather(width, recurrent, np.uint64(at * neurons), 0, silent, ids, np.uint64(0), heard)
            p = load_parameters(width, neuron, parameters.ravel(), at, neurons)
            x = load_states(width, neuron, states, b * neurons + at, stride)
            outer = ready(width, source, currents, begin, made, k, r)
            x, margin = step(neuron, x, select(before, one, zero), add(outer, inner), p)
            inside = at_least(margin, load(width, depth, at)) & valid[k]
            spikes[k, r] = at_least(margin, zero) & valid[k]
            near[k, r] = inside
            compress(margins, stored, inside, margin)
            stored += popcount(inside)
            store_states(states, b * neurons + at, stride, x)
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


class Record(NamedTuple):
    """What the forward pass left.

    `spikes`, `near` and `kept` are [N / 64, B * T] uint64: who spiked, who was in its window, and whose window entries
    left the layer. `first_spike` is [N / 64, B] uint64, the spikes before the first step. `slope` is [E] float32, the
    surrogate's derivative at each window entry; `entry_end` [B] int64, where each sample's entries end in it.
    """

    spikes: Any
    near: Any
    kept: Any
    first_spike: Any
    slope: Any
    entry_end: Any


class Upstream(NamedTuple):
    """The loss's derivatives by what the layer returned.

    `active` is [K] float32, by each spike from outside, in the order of the output's rows; `row_end` [B * T] int64 says
    where each row ends in it, and `spike_end` where the part of those that spiked ends. `last_state` is [S, B, N], by
    the states after the last step, `last_spike` [B, N], by its spikes as part of the state.
    """

    active: Any
    row_end: Any
    spike_end: Any
    last_state: Any
    last_spike: Any


class Input(NamedTuple):
    """What the layer heard from outside: rows of ids, its weights and their gradients.

    `ids`, `row_start`, `spike_count` as in `Gathered`, of I inputs; `weight` and `d_weight` are flat [N / 64, I, 64].
    `start` is [B, I + 1] uint32 and `steps` [K] uint32, room for the columns. `d_input` is [parts, K] float32, one row
    for each part of the blocks, or [parts, 0] where no gradient by the input is wanted. A dense input has no ids and
    I = 0.
    """

    ids: Any
    row_start: Any
    spike_count: Any
    weight: Any
    d_weight: Any
    start: Any
    steps: Any
    d_input: Any


class Inner(NamedTuple):
    """The weights between the neurons, flat [N / 64, N, 64], their gradient, and room for columns as in `Input`."""

    weight: Any
    d_weight: Any
    start: Any
    steps: Any


@kernel
def backward(
    counter, width, neuron, parameters, record, upstream, outside, inner, steps, first, end, chunk, parts, done,
    d_current, d_bias, d_state, d_spike, d_first,
):  # fmt: skip
    """Run some samples backward in time, and add up the gradients by the weights.

    Samples come in chunks. A task is one sample of a chunk, whose adjoint runs through time, or one part of the blocks,
    every `parts`-th of them, which takes in a chunk's adjoints. A chunk's blocks come after the next chunk's samples,
    so that workers seldom wait for one another.

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
        done: [2, chunks] int64 zeros: how many tasks of either kind each chunk has finished.
        d_current: [slots, N / 64, T, 64] float32, written: the adjoints of a few chunks' samples.
        d_bias: [N] float32, added to: the sum of the adjoints.
        d_state: [S, B, N] float32, written: by the states before the first step.
        d_spike: [B, N] float32, written: by the spikes before the first step, through the neuron itself.
        d_first: [B, N] float32, written: the adjoints at the first step.
    """
    control = flush_denormals()
    blocks, chunks, slots = record.spikes.shape[0], done.shape[1], d_current.shape[0]
    neurons = parameters.shape[1]
    ids, heard = np.empty(neurons, np.uint32), np.empty(neurons, np.float32)
    samples_done, parts_done = done[0], done[1]
    task = take_next(counter)
    while task < (chunks + 1) * (chunk + parts):
        stage, place = task // (chunk + parts), task % (chunk + parts)
        b = first + stage * chunk + place
        if place < chunk and b < end:
            # The slot may have been that of an earlier chunk's sample, which the blocks have to have taken in.
            earlier = stage - slots // chunk if slots < end - first else -1
            while earlier >= 0 and finished(parts_done, earlier) < parts:
                pass
            _list_columns(record, outside, inner, b, steps)
            _backward_sample(
                width, neuron, parameters, record, upstream, inner.weight, steps, b, ids, heard,
                d_current[(b - first) % slots].ravel(), d_state.ravel(), d_spike.ravel(), d_first.ravel(),
            )  # fmt: skip
            finish(samples_done, stage)
        elif place >= chunk and stage > 0:
            at, part = stage - 1, place - chunk
            begin, behind = first + at * chunk, min(first + stage * chunk, end)
            # A part adds to what it made of the chunk before.
            while finished(samples_done, at) < behind - begin or (at > 0 and finished(parts_done, at - 1) < parts):
                pass
            for k in range(part, blocks, parts):
                for b in range(begin, behind):
                    _take_in(
                        width, record, outside, inner, steps, b, k, part, neurons,
                        d_current[(b - first) % slots].ravel(), d_bias,
                    )  # fmt: skip
            finish(parts_done, at)
        task = take_next(counter)
    restore_denormals(control)


@inlined
def _list_columns(record, outside, inner, b, steps):
    """Turn a sample's spikes, from outside and its own, into columns."""
    inner_base = np.uint64(record.entry_end[b - 1]) if b > 0 else np.uint64(0)
    columns_of_bits(record.spikes, b * steps, steps, inner.start[b], inner.steps, inner_base)
    if outside.start.shape[1] > 1:
        columns_of_rows(
            outside.ids, outside.row_start, outside.spike_count, b * steps, steps,
            outside.start[b], outside.steps, outside.row_start[b * steps],
        )  # fmt: skip


@inlined
def _take_in(width, record, outside, inner, steps, b, k, part, neurons, d, d_bias):
    """Add what sample `b` gives for block `k`; `d` holds its adjoints."""
    first = np.uint64(k * steps * BLOCK)
    bias = load(width, d_bias, k * BLOCK)
    for t in range(steps):
        bias = add(bias, load(width, d, first + np.uint64(t * BLOCK)))
    store(d_bias, k * BLOCK, bias)
    base = np.uint64(record.entry_end[b - 1]) if b > 0 else np.uint64(0)
    row = np.uint64(k * neurons * BLOCK)
    add_columns(width, inner.d_weight, row, inner.start[b], inner.steps, base, d, first)
    inputs = outside.start.shape[1] - 1
    if inputs > 0:
        row = np.uint64(k * inputs * BLOCK)
        begin = outside.row_start[b * steps]
        add_columns(width, outside.d_weight, row, outside.start[b], outside.steps, begin, d, first)
        if outside.d_input.shape[1] > 0:
            for t in range(steps):
                r = b * steps + t
                add_products(
                    outside.weight, row, outside.ids, outside.row_start[r], outside.row_start[r + 1],
                    load(width, d, first + np.uint64(t * BLOCK)), outside.d_input[part],
                )  # fmt: skip


@inlined
def _backward_sample(
    width, neuron, parameters, record, upstream, recurrent, steps, b, ids, heard, d_current, states, fed_back, d_first
):
    """Run one sample backward; its adjoints go into `d_current` [N / 64, T, 64]."""
    blocks, neurons, batch = record.spikes.shape[0], parameters.shape[1], record.first_spike.shape[1]
    zero, one, stride = full(width, _ZERO), full(width, _ONE), batch * neurons
    last_state, last_spike = upstream.last_state.ravel(), upstream.last_spike.ravel()
    for k in range(blocks):
        at = b * neurons + k * BLOCK
        store_states(states, at, stride, load_states(width, neuron, last_state, at, stride))
        store(fed_back, at, load(width, last_spike, at))
    entry = np.uint64(record.entry_end[b])
    for i in range(steps):
        t = steps - 1 - i
        r = b * steps + t
        listed = _list(record.near, r, ids)
        heard[: np.int64(listed)] = _ZERO
        if t < steps - 1:
            for k in range(blocks):
                d_next = load(width, d_current, (k * steps + t + 1) * BLOCK)
                row = np.uint64(k * BLOCK * neurons)
                add_products(recurrent, row, ids, np.uint64(0), listed, d_next, heard)
        fired, only_near = np.uint64(upstream.spike_end[r]), np.uint64(upstream.row_end[r])
        for i_block in range(blocks):
            k = blocks - 1 - i_block
            at = k * BLOCK
            spiked, inside, out = record.spikes[k, r], record.near[k, r], record.kept[k, r]
            entry -= popcount(inside)
            listed -= popcount(inside)
            fired -= popcount(out & spiked)
            only_near -= popcount(out & ~spiked)
            outer = add(
                add(expand(width, upstream.active, fired, out & spiked), expand(width, heard, listed, inside)),
                add(
                    expand(width, upstream.active, only_near, out & ~spiked),
                    load(width, fed_back, b * neurons + at),
                ),
            )
            p = load_parameters(width, neuron, parameters.ravel(), at, neurons)
            x = load_states(width, neuron, states, b * neurons + at, stride)
            before = record.spikes[k, r - 1] if t > 0 else record.first_spike[k, b]
            x, fed, d = adjoint(
                neuron, x, multiply(expand(width, record.slope, entry, inside), outer), select(before, one, zero), p
            )
            store_states(states, b * neurons + at, stride, x)
            store(fed_back, b * neurons + at, fed + zero)
            store(d_current, (k * steps + t) * BLOCK, d)
    for k in range(blocks):
        store(d_first, b * neurons + k * BLOCK, load(width, d_current, k * steps * BLOCK))
