"""From bits to rows of ids, and between the order of rows and the order of blocks.

Bits are [N / 64, B * T] words. Rows list those that spiked first, then those only near; the scans keep their window
entries block after block, and in a block row after row.
"""

import numpy as np

from spikeloom.kernels.cpu.bits import popcount, take_next, trailing_zeros
from spikeloom.kernels.cpu.compile import inlined, kernel
from spikeloom.kernels.cpu.simd import BLOCK
from spikeloom.kernels.cpu.surrogate import slope

CHUNK = 64
_ONE = np.uint64(1)


@kernel
def count(counter, spikes, kept, spike_count, window_count):
    """Count each row's spikes and window entries among the kept ones.

    Args:
        counter: shared task counter; a task is a chunk of rows.
        spikes: [N / 64, R] uint64.
        kept: likewise, the window entries that leave the layer.
        spike_count: [R] int32, written.
        window_count: [R] int64, written.
    """
    rows = spikes.shape[1]
    first = take_next(counter) * CHUNK
    while first < rows:
        end = min(first + CHUNK, rows)
        spike_count[first:end] = 0
        window_count[first:end] = 0
        for k in range(spikes.shape[0]):
            for r in range(first, end):
                spike_count[r] += np.int32(popcount(spikes[k, r] & kept[k, r]))
                window_count[r] += np.int64(popcount(kept[k, r]))
        first = take_next(counter) * CHUNK


@kernel
def list_ids(counter, spikes, kept, row_start, spike_count, ids, active):
    """Write the ids of each row: those that spiked, then those only near, each ascending.

    Args:
        counter: shared task counter; a task is a chunk of rows.
        spikes: [N / 64, R] uint64.
        kept: likewise.
        row_start: [R + 1] int64.
        spike_count: [R] int32.
        ids: [K] uint32, written.
        active: [K] float32, written: 1 for those that spiked, 0 for the others.
    """
    rows = spikes.shape[1]
    first = take_next(counter) * CHUNK
    while first < rows:
        for r in range(first, min(first + CHUNK, rows)):
            fired = np.uint64(row_start[r])
            near = fired + np.uint64(spike_count[r])
            active[fired:near] = np.float32(1)
            active[near : np.uint64(row_start[r + 1])] = np.float32(0)
            for k in range(spikes.shape[0]):
                word = kept[k, r]
                if word != np.uint64(0):
                    fired = _write_ids(word & spikes[k, r], k, ids, fired)
                    near = _write_ids(word & ~spikes[k, r], k, ids, near)
        first = take_next(counter) * CHUNK


@inlined
def _write_ids(word, k, ids, at):
    while word != np.uint64(0):
        ids[at] = np.uint32(np.uint64(k * BLOCK) + trailing_zeros(word))
        at += _ONE
        word &= word - _ONE
    return at


@kernel
def pack(counter, surrogate, scale, margins, group_start, start, end, slopes):
    """Bring the surrogate's derivative at each window entry into one array without gaps.

    Args:
        counter: shared task counter; a task is a block.
        surrogate: whose derivative to take.
        scale: float32, the surrogate's.
        margins: [N / 64, B * T * 64] float32, packed to the left in the part of each group of samples.
        group_start: [G] int64, where each group begins in a row of `margins`.
        start: [N / 64, G] int64, where each block and group begins in `slopes`.
        end: likewise, where it ends.
        slopes: [E] float32, written.
    """
    k = take_next(counter)
    while k < margins.shape[0]:
        for g in range(len(group_start)):
            source, target = margins[k, group_start[g] :], slopes[start[k, g] : end[k, g]]
            for i in range(len(target)):
                target[i] = slope(surrogate, source[i], scale)
        k = take_next(counter)


@kernel
def to_blocks(counter, spikes, near, kept, row_start, spike_count, entry_end, steps, by_row, by_block):
    """Bring a number for each kept window entry from the order of rows to that of blocks; what was dropped gets 0.

    Args:
        counter: shared task counter; a task is a sample.
        spikes: [N / 64, R] uint64.
        near: likewise, all window entries.
        kept: likewise, those that left the layer.
        row_start: [R + 1] int64.
        spike_count: [R] int32.
        entry_end: [N / 64, B] int64, where each sample's entries end in the order of blocks.
        steps: T.
        by_row: [K] float32.
        by_block: [E] float32, written.
    """
    blocks, batch = entry_end.shape
    ends = entry_end.ravel()
    at = np.empty(blocks, np.uint64)
    b = take_next(counter)
    while b < batch:
        for k in range(blocks):
            place = k * batch + b
            at[k] = np.uint64(ends[place - 1]) if place > 0 else np.uint64(0)
        for r in range(b * steps, (b + 1) * steps):
            fired = np.uint64(row_start[r])
            only_near = fired + np.uint64(spike_count[r])
            for k in range(blocks):
                word, to = near[k, r], at[k]
                while word != np.uint64(0):
                    bit = word & (~word + _ONE)
                    value = np.float32(0)
                    if kept[k, r] & bit != np.uint64(0):
                        if spikes[k, r] & bit != np.uint64(0):
                            value = by_row[fired]
                            fired += _ONE
                        else:
                            value = by_row[only_near]
                            only_near += _ONE
                    by_block[to] = value
                    to += _ONE
                    word &= word - _ONE
                at[k] = to
        b = take_next(counter)


@kernel
def add_up(counter, parts, total):
    """Sum parts in their order.

    Args:
        counter: shared task counter; a task is a stretch of the sum.
        parts: [P, K] float32.
        total: [K] float32, written.
    """
    stretch = 4096
    first = take_next(counter) * stretch
    while first < len(total):
        end = min(first + stretch, len(total))
        total[first:end] = parts[0, first:end]
        for p in range(1, parts.shape[0]):
            for i in range(first, end):
                total[i] += parts[p, i]
        first = take_next(counter) * stretch
