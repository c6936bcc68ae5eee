"""Between rows of ids and the dense matrices that products take: of float32, or uint16, the bits of bfloat16."""

import numpy as np

from spikeloom.kernels.cpu.bits import popcount, take_next
from spikeloom.kernels.cpu.compile import kernel
from spikeloom.kernels.cpu.simd import BLOCK, full, select, store

CHUNK = BLOCK
"""Rows of a task."""


@kernel
def to_rows(counter, ids, row_start, spike_count, one, x):
    """Write zeros and ones.

    Args:
        counter: shared task counter; a task is a chunk of rows.
        ids: [K] uint32.
        row_start: [R + 1] uint64.
        spike_count: [R] uint32.
        one: 1 as `x` holds it.
        x: [R, I], written.
    """
    rows = x.shape[0]
    first = take_next(counter) * CHUNK
    while first < rows:
        for r in range(first, min(first + CHUNK, rows)):
            x[r] = 0
            begin = row_start[r]
            for i in range(begin, begin + spike_count[r]):
                x[r, ids[i]] = one
        first = take_next(counter) * CHUNK


@kernel
def to_columns(counter, width, ids, row_start, spike_count, one, x):
    """As `to_rows`, with `x` [I, R]: a task's rows are the bits of one word for each input, written out at the end."""
    inputs, rows = x.shape
    set_, clear = full(width, np.float32(1)), full(width, np.float32(0))
    words, flat = np.empty(inputs, np.uint64), x.ravel()
    first = take_next(counter) * CHUNK
    while first < rows:
        end = min(first + CHUNK, rows)
        words[:] = np.uint64(0)
        for r in range(first, end):
            bit, begin = np.uint64(1) << np.uint64(r - first), row_start[r]
            for i in range(begin, begin + spike_count[r]):
                words[ids[i]] |= bit
        for i in range(inputs):
            if end - first == CHUNK:
                store(flat, i * rows + first, select(words[i], set_, clear))
            else:
                for r in range(first, end):
                    x[i, r] = one if words[i] >> np.uint64(r - first) & np.uint64(1) else 0
        first = take_next(counter) * CHUNK


@kernel
def count(counter, spikes, spike_count):
    """Count the spikes of each row.

    Args:
        counter: shared task counter; a task is a chunk of rows.
        spikes: [N / 64, R] uint64.
        spike_count: [R] int32, written.
    """
    rows = spikes.shape[1]
    first = take_next(counter) * CHUNK
    while first < rows:
        end = min(first + CHUNK, rows)
        spike_count[first:end] = 0
        for k in range(spikes.shape[0]):
            for r in range(first, end):
                spike_count[r] += np.int32(popcount(spikes[k, r]))
        first = take_next(counter) * CHUNK


@kernel
def turn(counter, x, turned):
    """Transpose, tile by tile.

    Args:
        counter: shared task counter; a task is a chunk of rows.
        x: [R, I].
        turned: [I, R], written.
    """
    rows, inputs = x.shape
    first = take_next(counter) * CHUNK
    while first < rows:
        end = min(first + CHUNK, rows)
        for begin in range(0, inputs, CHUNK):
            for i in range(begin, min(begin + CHUNK, inputs)):
                for r in range(first, end):
                    turned[i, r] = x[r, i]
        first = take_next(counter) * CHUNK


@kernel
def at_entries(counter, ids, row_start, shift, x, values):
    """Read a matrix at the window entries.

    Args:
        counter: shared task counter; a task is a chunk of rows.
        ids: [K] uint32.
        row_start: [R + 1] uint64.
        shift: uint32, by how many bits a number's bits are shifted up to be those of a float32: 0, or 16 of bfloat16.
        x: [R, I] uint32 or uint16.
        values: [K] uint32, written: the bits of float32 numbers.
    """
    rows = x.shape[0]
    first = take_next(counter) * CHUNK
    while first < rows:
        for r in range(first, min(first + CHUNK, rows)):
            for i in range(row_start[r], row_start[r + 1]):
                values[i] = np.uint32(x[r, ids[i]]) << shift
        first = take_next(counter) * CHUNK
