"""What leaves a layer: from bits and margins to rows of ids and slopes, in one launch.

Bits are [N / 64, B * T] words. Rows list those that spiked first, then those only near; slopes stay in the order of the
scan, block after block, and in a block row after row.
"""

import numpy as np

from spikeloom.kernels.cpu.bits import finish, popcount, take_next
from spikeloom.kernels.cpu.cap import cap_row
from spikeloom.kernels.cpu.compile import inlined, kernel
from spikeloom.kernels.cpu.ids import write_ids
from spikeloom.kernels.cpu.simd import BLOCK
from spikeloom.kernels.cpu.surrogate import slope
from spikeloom.kernels.cpu.team import wait_for

_ONE = np.uint64(1)


@kernel
def leave(
    counter, spikes, near, limit, seed, chunk, surrogate, scale, margins, group_start, start, end, counted, sums,
    kept, dropped, spike_count, row_start, ids, active, slopes,
):  # fmt: skip
    """Count the entries of each row, list their ids, and take the surrogate's derivative at each margin.

    A task packs the slopes of a block, counts a chunk of rows or lists one; lists come last, and wait for all counts.

    Args:
        counter: shared task counter.
        spikes: [N / 64, R] uint64.
        near: likewise, all window entries.
        limit: how many ids a row may have; 0 for no limit.
        seed: uint64, of the choice among too many.
        chunk: how many rows a task has.
        surrogate: whose derivative to take.
        scale: float32, the surrogate's.
        margins: [N / 64, B * T * 64] float32, packed to the left in the part of each group of samples.
        group_start: [G] int64, where each group begins in a row of `margins`.
        start: [N / 64, G] int64, where each block and group begins in `slopes`.
        end: likewise, where it ends.
        counted: [1] int64 zero: how many chunks are counted.
        sums: [chunks] int64, written: the entries of each chunk.
        kept: [N / 64, R] uint64, written where there is a limit: the window entries that leave; else `near` itself.
        dropped: [R] int32, written where there is a limit: how many ids each row lost.
        spike_count: [R] int32, written.
        row_start: [R + 1] int64, written but for the first, 0.
        ids: [K] uint32, written: those that spiked, then those only near, each ascending.
        active: [K] float32, written: 1 for those that spiked, 0 for the others.
        slopes: [E] float32, written.
    """
    blocks, rows = spikes.shape
    chunks, packs = len(sums), margins.shape[0]
    keys = np.empty(blocks * BLOCK if limit else 0, np.uint64)
    task = take_next(counter)
    while task < packs + 2 * chunks:
        if task < packs:
            _pack(surrogate, scale, margins[task], group_start, start[task], end[task], slopes)
        elif task < packs + chunks:
            c = task - packs
            first, behind = c * chunk, min((c + 1) * chunk, rows)
            if limit:
                for r in range(first, behind):
                    dropped[r] = cap_row(spikes, near, limit, seed, kept, keys, r)
            sums[c] = _count(spikes, kept, first, behind, spike_count, row_start)
            finish(counted, 0)
        else:
            c = task - packs - chunks
            wait_for(counted, 0, chunks)
            before = np.int64(0)
            for i in range(c):
                before += sums[i]
            _list(
                spikes, kept, c * chunk, min((c + 1) * chunk, rows), before, np.uint64(before + sums[c]), spike_count,
                row_start, ids, active,
            )  # fmt: skip
        task = take_next(counter)


@inlined
def _pack(surrogate, scale, margins, group_start, start, end, slopes):
    """Bring the derivatives at a block's window entries into one array without gaps."""
    for g in range(len(group_start)):
        stored, at, count = np.uint64(group_start[g]), np.uint64(start[g]), np.uint64(end[g] - start[g])
        for i in range(count):
            slopes[at + i] = slope(surrogate, margins[stored + i], scale)


@inlined
def _count(spikes, kept, first, end, spike_count, row_start):
    """Count spikes and entries of some rows; `row_start[r + 1]` holds those of row r until it is listed."""
    for r in range(first, end):
        spike_count[r], row_start[r + 1] = 0, 0
    for k in range(spikes.shape[0]):
        for r in range(np.uint64(first), np.uint64(end)):
            spike_count[r] += np.int32(popcount(spikes[k, r] & kept[k, r]))
        for r in range(np.uint64(first), np.uint64(end)):
            row_start[r + _ONE] += np.int64(popcount(kept[k, r]))
    total = np.int64(0)
    for r in range(first, end):
        total += row_start[r + 1]
    return total


@inlined
def _list(spikes, kept, first, end, before, behind, spike_count, row_start, ids, active):
    """List some rows, whose ids begin at `before` and end at `behind`."""
    for r in range(first, end):
        fired = np.uint64(before)
        before += row_start[r + 1]
        row_start[r + 1] = before
        near = fired + np.uint64(spike_count[r])
        for i in range(fired, np.uint64(before)):
            active[i] = np.float32(1) if i < near else np.float32(0)
        for k in range(spikes.shape[0]):
            fired = write_ids(kept[k, r] & spikes[k, r], np.uint64(k * BLOCK), ids, fired, behind)
        for k in range(spikes.shape[0]):
            near = write_ids(kept[k, r] & ~spikes[k, r], np.uint64(k * BLOCK), ids, near, behind)
