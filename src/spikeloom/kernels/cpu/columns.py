"""Spikes by neuron instead of by step: for each neuron of a sample, the steps at which it spiked.

A weight gradient's row is the sum of the adjoints at these steps. Summed so, the row is read and written once a sample,
and the adjoints of a sample and a block lie in the first-level cache.
"""

import numpy as np

from spikeloom.kernels.cpu.bits import trailing_zeros
from spikeloom.kernels.cpu.compile import inlined
from spikeloom.kernels.cpu.simd import BLOCK, add, load, store


@inlined
def columns_of_rows(ids, row_start, spike_count, first_row, rows, start, steps, base):
    """List the steps of each neuron that rows of ids tell of.

    Args:
        ids: [K] uint32.
        row_start: [R + 1] uint64.
        spike_count: [R] uint32.
        first_row: the sample's first row, its step 0.
        rows: T.
        start: [I + 1] uint32, written: where each neuron's steps begin, counted from `base`.
        steps: flat uint32, written from `base` on: the steps, ascending for each neuron.
        base: where the sample's steps begin.
    """
    start[:] = 0
    for r in range(first_row, first_row + rows):
        for i in range(row_start[r], row_start[r] + spike_count[r]):
            start[np.uint64(ids[i])] += np.uint32(1)
    _begin(start)
    for t in range(rows - 1, -1, -1):
        r = first_row + t
        for i in range(row_start[r], row_start[r] + spike_count[r]):
            neuron = np.uint64(ids[i])
            start[neuron] -= np.uint32(1)
            steps[base + np.uint64(start[neuron])] = np.uint32(t)


@inlined
def columns_of_bits(spikes, first_row, rows, start, steps, base):
    """The same for bits [N / 64, R]: the steps after those at which a neuron spiked, up to the last."""
    start[:] = 0
    for k in range(spikes.shape[0]):
        for r in range(first_row, first_row + rows - 1):
            word = spikes[k, r]
            while word != np.uint64(0):
                start[np.uint64(k * BLOCK) + trailing_zeros(word)] += np.uint32(1)
                word &= word - np.uint64(1)
    _begin(start)
    for k in range(spikes.shape[0]):
        for t in range(rows - 1, 0, -1):
            word = spikes[k, first_row + t - 1]
            while word != np.uint64(0):
                neuron = np.uint64(k * BLOCK) + trailing_zeros(word)
                start[neuron] -= np.uint32(1)
                steps[base + np.uint64(start[neuron])] = np.uint32(t)
                word &= word - np.uint64(1)


@inlined
def _begin(start):
    """Turn counts into the ends of the lists; filling from behind then makes them the beginnings."""
    total = np.uint32(0)
    for i in range(start.shape[0]):
        total += start[i]
        start[i] = total


@inlined
def add_columns(width, d_weight, row, start, steps, base, d, first):
    """Add to the gradient rows of a block what one sample gives.

    Args:
        width: lanes.
        d_weight: flat [N / 64, I, 64] float32, added to.
        row: where the block begins in it.
        start: [I + 1] uint32, see `columns_of_rows`.
        steps: flat uint32.
        base: where the sample's steps begin.
        d: flat float32: the block's adjoints at step `t` from `first + 64 t` on.
        first: see `d`.
    """
    begin = base
    for i in range(start.shape[0] - 1):
        end = base + np.uint64(start[i + 1])
        if begin < end:
            total = load(width, d_weight, row)
            for j in range(begin, end):
                total = add(total, load(width, d, first + np.uint64(steps[j]) * np.uint64(BLOCK)))
            store(d_weight, row, total)
        begin = end
        row += np.uint64(BLOCK)
