"""Spikes by neuron instead of by step: for each neuron, the samples and steps at which it spiked.

A weight gradient's row is the sum of the adjoints at these. Summed so for a few samples at a time, the row is read and
written once, and the adjoints that it takes lie in the cache.
"""

from typing import Any, NamedTuple

import numpy as np

from spikeloom.kernels.cpu.bits import not_unrolled
from spikeloom.kernels.cpu.compile import inlined
from spikeloom.kernels.cpu.simd import BLOCK, add, full, load, store


class Columns(NamedTuple):
    """The places of the spikes of I neurons, for chunks of a few samples.

    `start` is [chunks, I + 1] uint32: where each neuron's places begin, counted from the chunk's `base`. `places` is
    flat uint32: the place of step t of the chunk's sample i is `i stride + t`, ascending for each neuron.
    """

    start: Any
    places: Any


@inlined
def columns_of_rows(ids, row_start, spike_count, first, end, steps, stride, start, places, base):
    """List the places of each neuron that rows of ids tell of.

    Args:
        ids: [K] uint32.
        row_start: [R + 1] uint64.
        spike_count: [R] uint32.
        first: the chunk's first sample.
        end: the one behind its last.
        steps: T.
        stride: between the places of two samples.
        start: [I + 1] uint32, written.
        places: flat uint32, written from `base` on.
        base: where the chunk's places begin.
    """
    start[:] = 0
    for r in range(first * steps, end * steps):
        for i in range(row_start[r], row_start[r] + spike_count[r]):
            start[np.uint64(ids[i])] += np.uint32(1)
    ends(start)
    for r in range(end * steps - 1, first * steps - 1, -1):
        place = np.uint32((r // steps - first) * stride + r % steps)
        for i in range(row_start[r], row_start[r] + spike_count[r]):
            neuron = np.uint64(ids[i])
            start[neuron] -= np.uint32(1)
            places[base + np.uint64(start[neuron])] = place


@inlined
def ends(start):
    """Turn counts into the ends of the lists, so that filling from behind makes them beginnings; the sum of all."""
    total = np.uint32(0)
    for i in range(start.shape[0]):
        total += start[i]
        start[i] = total
    return total


@inlined
def sum_places(width, d_weight, row, start, places, base, d, low, high, fresh):
    """Add to the gradient rows of a block what a chunk of samples, or a stretch of steps, gives.

    Args:
        width: lanes.
        d_weight: flat [N / 64, I, 64] float32, added to.
        row: where the block begins in it.
        start: [I + 1] uint32, see `Columns`.
        places: likewise, flat.
        base: where the places begin.
        d: flat float32: the block's adjoints, those of a place from 64 times it on.
        low: the first of the inputs whose rows are added to.
        high: the one behind the last.
        fresh: write the rows, whatever they held, those without a spike with zeros.
    """
    begin, block = base + np.uint64(start[low]), np.uint64(BLOCK)
    for i in range(low, high):
        end, at = base + np.uint64(start[i + 1]), row + np.uint64(i) * block
        if fresh or begin < end:
            total = full(width, np.float32(0))
            for j in range(begin, end):
                not_unrolled()
                total = add(total, load(width, d, np.uint64(places[j]) * block))
            # The sum of a part by itself, then on top of the others: fewer digits are lost.
            store(d_weight, at, total if fresh else add(load(width, d_weight, at), total))
        begin = end
