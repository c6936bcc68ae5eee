"""Spikes by neuron, of a stretch of steps of all samples: the recurrent layers' form of `columns`.

Their adjoints are made step by step for all samples, so a stretch of steps is what lies in the cache at once.
"""

import numpy as np

from spikeloom.kernels.cpu.bits import trailing_zeros
from spikeloom.kernels.cpu.columns import ends
from spikeloom.kernels.cpu.compile import inlined
from spikeloom.kernels.cpu.simd import BLOCK
from spikeloom.kernels.cpu.team import reserve


@inlined
def list_rows(ids, row_start, spike_count, first, end, steps, origin, after, start, places, used, counter):
    """List the places of each neuron that some steps of rows of ids tell of.

    The place of step t of sample b is `(t - origin) (end - first) + b - first`.

    Args:
        ids: [K] uint32.
        row_start: [R + 1] uint64.
        spike_count: [R] uint32.
        first: the first sample.
        end: the one behind the last.
        steps: T, of all.
        origin: the first of the steps.
        after: the one behind the last.
        start: [I + 1] uint32, written: where each neuron's places begin, counted from what is returned.
        places: flat uint32, written; each neuron's by sample, then by step.
        used: int64, counters of how much of `places` is taken.
        counter: which of them it is.

    Returns:
        Where the places begin.
    """
    start[:] = 0
    for b in range(first, end):
        for r in range(b * steps + origin, b * steps + after):
            for i in range(row_start[r], row_start[r] + spike_count[r]):
                start[np.uint64(ids[i])] += np.uint32(1)
    base = np.uint64(reserve(used, counter, ends(start)))
    for b in range(end - 1, first - 1, -1):
        for r in range(b * steps + after - 1, b * steps + origin - 1, -1):
            place = np.uint32((r - b * steps - origin) * (end - first) + b - first)
            for i in range(row_start[r], row_start[r] + spike_count[r]):
                neuron = np.uint64(ids[i])
                start[neuron] -= np.uint32(1)
                places[base + np.uint64(start[neuron])] = place
    return base


@inlined
def list_bits(spikes, first, end, steps, origin, after, start, places, used, counter):
    """The same for bits [N / 64, R]: the places one step after each spike."""
    start[:] = 0
    for k in range(spikes.shape[0]):
        for b in range(first, end):
            for r in range(b * steps + max(origin, 1), b * steps + after):
                word = spikes[k, r - 1]
                while word != np.uint64(0):
                    start[np.uint64(k * BLOCK) + trailing_zeros(word)] += np.uint32(1)
                    word &= word - np.uint64(1)
    base = np.uint64(reserve(used, counter, ends(start)))
    for k in range(spikes.shape[0]):
        for b in range(end - 1, first - 1, -1):
            for r in range(b * steps + after - 1, b * steps + max(origin, 1) - 1, -1):
                word, place = spikes[k, r - 1], np.uint32((r - b * steps - origin) * (end - first) + b - first)
                while word != np.uint64(0):
                    neuron = np.uint64(k * BLOCK) + trailing_zeros(word)
                    start[neuron] -= np.uint32(1)
                    places[base + np.uint64(start[neuron])] = place
                    word &= word - np.uint64(1)
    return base
