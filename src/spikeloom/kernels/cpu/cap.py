"""The cap on active ids: spikes first, the window fills the rest, a random subset where there are too many."""

import numpy as np

from spikeloom.kernels.cpu.bits import popcount, trailing_zeros
from spikeloom.kernels.cpu.compile import inlined
from spikeloom.kernels.cpu.simd import BLOCK

_ONE = np.uint64(1)


@inlined
def cap_row(spikes, near, limit, seed, kept, keys, r):
    """Choose the window entries of row `r` that leave the layer; how many it loses.

    Args:
        spikes: [N / 64, R] uint64.
        near: likewise, all window entries.
        limit: how many ids a row may have.
        seed: uint64, of the choice.
        kept: [N / 64, R] uint64, column `r` written.
        keys: [N] uint64, room.
        r: the row.
    """
    total = np.int64(0)
    for k in range(near.shape[0]):
        kept[k, r] = near[k, r]
        total += np.int64(popcount(near[k, r]))
    if total > limit:
        _choose(spikes, near, limit, seed, kept, keys, r)
    return np.int32(max(total - limit, 0))


@inlined
def _choose(spikes, near, limit, seed, kept, keys, r):
    size = 0
    for k in range(near.shape[0]):
        word = near[k, r]
        while word != np.uint64(0):
            keys[size] = _key(seed, r, k, trailing_zeros(word), spikes[k, r])
            size += 1
            word &= word - _ONE
    last = _smallest(keys, size, limit - 1)
    for k in range(near.shape[0]):
        word = near[k, r]
        while word != np.uint64(0):
            place = trailing_zeros(word)
            if _key(seed, r, k, place, spikes[k, r]) > last:
                kept[k, r] &= ~(_ONE << place)
            word &= word - _ONE


@inlined
def _key(seed, r, k, place, spikes):
    """Orders a row's ids: those that spiked first, then by a hash of seed, row and id, then by id."""
    n = np.uint64(k * BLOCK) + place
    x = seed + np.uint64(r) * np.uint64(0x9E3779B97F4A7C15) + n * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = (x ^ (x >> np.uint64(31))) >> np.uint64(32)
    silent = ~(spikes >> place) & _ONE
    return (silent << np.uint64(63)) | (x << np.uint64(31)) | n


@inlined
def _smallest(keys, size, rank):
    """The key of that rank, by quickselect: ranks left of `low` are smaller, right of `high` larger."""
    low, high = 0, size - 1
    while low < high:
        pivot, i, j = keys[(low + high) // 2], low, high
        while i <= j:
            while keys[i] < pivot:
                i += 1
            while keys[j] > pivot:
                j -= 1
            if i <= j:
                keys[i], keys[j] = keys[j], keys[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            return keys[rank]
    return keys[rank]
