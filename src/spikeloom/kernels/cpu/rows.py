"""Between the order of rows, in which ids leave a layer, and that of blocks, in which the scans keep their entries."""

import numpy as np

from spikeloom.kernels.cpu.bits import popcount, take_next
from spikeloom.kernels.cpu.compile import inlined, kernel
from spikeloom.kernels.cpu.merge import merge

STRETCH = 4096


@inlined
def to_blocks(width, spikes, near, kept, row_start, spike_count, entry_end, steps, b, at, by_row, by_block):
    """Bring a number for each kept window entry of sample `b` from the order of rows to that of blocks.

    Args:
        width: lanes.
        spikes: [N / 64, R] uint64.
        near: likewise, all window entries.
        kept: likewise, those that left the layer; what was dropped gets 0.
        row_start: [R + 1] int64.
        spike_count: [R] int32.
        entry_end: [N / 64, B] int64, where each sample's entries end in the order of blocks.
        steps: T.
        b: the sample.
        at: [N / 64] uint64, room.
        by_row: [K] float32.
        by_block: [E] float32, written.
    """
    blocks, batch = entry_end.shape
    for k in range(blocks):
        if b > 0:
            at[k] = entry_end[k, b - 1]
        else:
            at[k] = entry_end[k - 1, batch - 1] if k > 0 else 0
    for r in range(b * steps, (b + 1) * steps):
        fired = np.uint64(row_start[r])
        only_near = fired + np.uint64(spike_count[r])
        for k in range(blocks):
            fires, silent = kept[k, r] & spikes[k, r], kept[k, r] & ~spikes[k, r]
            merge(width, by_row, fired, fires, only_near, silent, by_block, at[k], near[k, r])
            fired += popcount(fires)
            only_near += popcount(silent)
            at[k] += popcount(near[k, r])


@inlined
def stretches(parts):
    """Into how many stretches the sum of `[P, K]` parts is cut; one part alone needs no sum."""
    return (parts.shape[1] + STRETCH - 1) // STRETCH if parts.shape[0] > 1 else 0


@inlined
def add_stretch(parts, total, stretch):
    """Sum a stretch of `[P, K]` parts in their order."""
    first = stretch * STRETCH
    end = min(first + STRETCH, len(total))
    for i in range(first, end):
        total[i] = parts[0, i]
    for p in range(1, parts.shape[0]):
        for i in range(first, end):
            total[i] += parts[p, i]


@kernel
def add_up(counter, parts, total):
    """Sum parts in their order.

    Args:
        counter: shared task counter; a task is a stretch of the sum.
        parts: [P, K] float32, P at least 2.
        total: [K] float32, written.
    """
    stretch = take_next(counter)
    while stretch < stretches(parts):
        add_stretch(parts, total, stretch)
        stretch = take_next(counter)
