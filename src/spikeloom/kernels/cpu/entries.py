"""The window entries of one step of a unit of a recurrent layer: which they are, and what they hear of the step behind.

A unit is a block and a slice of the samples; `lists` [6, room] uint32 holds its entries: their neurons within the block
and their samples, both again in the order of neurons, and which entry that is.
"""

import numpy as np

from spikeloom.kernels.cpu.bits import popcount, trailing_zeros
from spikeloom.kernels.cpu.compile import inlined
from spikeloom.kernels.cpu.simd import BLOCK, QUAD, across4, add, full, load, multiply, store_quad

_ZERO, _NONE, _BIT = np.float32(0), np.uint64(0), np.uint64(1)


@inlined
def list_entries(
    fired, inside, kept, active, row_start, spike_end, k, first, low, high, steps, t, newly, lists, outer, nexts
):
    """List a unit's window entries, and the loss's derivatives by them from outside of the layer."""
    count, bits, who = np.uint64(0), lists[0], lists[1]
    for b in range(low, high):
        if newly:
            r = (first + b) * steps + t
            nexts[0, b], nexts[1, b] = row_start[r], spike_end[r]
            for i in range(k + t % 2):
                nexts[0, b] += np.int64(popcount(kept[i, b] & fired[i, b]))
                nexts[1, b] += np.int64(popcount(kept[i, b] & ~fired[i, b]))
        word, left, spiked = inside[k, b], kept[k, b], fired[k, b]
        if t % 2 == 1:
            nexts[0, b] -= np.int64(popcount(left & spiked))
            nexts[1, b] -= np.int64(popcount(left & ~spiked))
        next_spike, next_near = np.uint64(nexts[0, b]), np.uint64(nexts[1, b])
        while word != _NONE:
            bit = trailing_zeros(word)
            bits[count], who[count] = np.uint32(bit), np.uint32(b)
            is_left = left >> bit & _BIT
            is_spike = spiked >> bit & is_left
            at = next_spike if is_spike else next_near
            outer[count] = active[at] if is_left else _ZERO
            next_spike += is_spike
            next_near += is_left - is_spike
            count += _BIT
            word &= word - _BIT
        if t % 2 == 0:
            nexts[0, b], nexts[1, b] = np.int64(next_spike), np.int64(next_near)
    return count


@inlined
def sort_entries(lists, count):
    """Bring window entries into the order of neurons, so that each one's weights are read once.

    `lists` holds their neurons and samples; behind these the same in the new order, and which entry is where.
    """
    ends = lists[5]
    for n in range(BLOCK):
        ends[n] = np.uint32(0)
    for e in range(count):
        ends[lists[0, e]] += np.uint32(1)
    total = np.uint32(0)
    for n in range(BLOCK):
        total += ends[n]
        ends[n] = total
    for e in range(count):
        n = lists[0, e]
        ends[n] -= np.uint32(1)
        to = ends[n]
        lists[2, to], lists[3, to], lists[4, to] = n, lists[1, e], np.uint32(e)
    for e in range(count, count + np.uint64(QUAD - 1)):
        lists[2, e], lists[3, e] = 0, 0


@inlined
def hear(width, sent, own, table, behind, room, blocks, lists, count, found, reached):
    """What window entries hear of the step behind: V^T lam[t + 1], four entries at a time."""
    zero, one, far = full(width, _ZERO), np.uint64(1), np.uint64(room)
    two, three, block = np.uint64(2), np.uint64(3), np.uint64(BLOCK)
    row, own, at, ids, who = np.uint64(blocks) * block, np.uint64(own), np.uint64(behind), lists[2], lists[3]
    for j in range(np.uint64(0), count, np.uint64(QUAD)):
        i0, i1, i2, i3 = ids[j], ids[j + one], ids[j + two], ids[j + three]
        i0, i1, i2, i3 = own + i0 * row, own + i1 * row, own + i2 * row, own + i3 * row
        b0, b1, b2, b3 = who[j], who[j + one], who[j + two], who[j + three]
        b0, b1, b2, b3 = at + b0 * block, at + b1 * block, at + b2 * block, at + b3 * block
        s0, s1, s2, s3 = zero, zero, zero, zero
        for _ in range(blocks):
            s0 = add(s0, multiply(load(width, sent, i0), load(width, table, b0)))
            s1 = add(s1, multiply(load(width, sent, i1), load(width, table, b1)))
            s2 = add(s2, multiply(load(width, sent, i2), load(width, table, b2)))
            s3 = add(s3, multiply(load(width, sent, i3), load(width, table, b3)))
            i0, i1, i2, i3 = i0 + block, i1 + block, i2 + block, i3 + block
            b0, b1, b2, b3 = b0 + far, b1 + far, b2 + far, b3 + far
        store_quad(found, j, across4(s0, s1, s2, s3))
    for j in range(count):
        reached[lists[4, j]] = found[j]
