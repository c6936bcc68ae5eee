"""Ids of set bits, by either way of writing them, against a plain loop."""

import numba
import numpy as np
import pytest

from spikeloom.kernels.cpu import ids as kernel
from spikeloom.kernels.cpu.compile import FLAGS

HELD = 2**32 - 1
# No bit, one, as many as are written at once and one more, and all of them.
WORDS = [0, 1, 1 << 63, 0xF, 0x8000_0000_0000_000F, 0xFFFF, 0x8000_0000_0000_FFFF, 0x5555_5555_5555_5555, 2**64 - 1]
ROOM = pytest.mark.parametrize("room", [0, 3, 4, 100], ids=lambda room: f"room_{room}")
compiled = numba.njit(**FLAGS)


@compiled
def by_fours(words, bases, ids, at, behind):
    for i in range(len(words)):
        at = kernel.by_fours(words[i], bases[i], ids, at, behind)
    return at


@compiled
def as_here(words, bases, ids, at, behind):
    for i in range(len(words)):
        at = kernel.write_ids(words[i], bases[i], ids, at, behind)
    return at


WAYS = pytest.mark.parametrize("write", [by_fours, as_here], ids=["by_fours", "as_here"])


@WAYS
@ROOM
def test_ids_of_words(write: numba.core.dispatcher.Dispatcher, room: int) -> None:
    """Ids follow one another, and nothing changes before them or from `behind` on."""
    words, bases = np.array(WORDS, np.uint64), np.arange(len(WORDS), dtype=np.uint64) * 64
    want = [64 * i + n for i, word in enumerate(WORDS) for n in range(64) if word >> n & 1]
    at = 5
    behind = at + len(want) + room
    ids = np.full(behind + 80, HELD, np.uint32)
    end = write(words, bases, ids, np.uint64(at), np.uint64(behind))
    assert end == at + len(want)
    assert ids[at : int(end)].tolist() == want
    assert (ids[:at] == HELD).all()
    assert (ids[behind:] == HELD).all()


@WAYS
def test_random_words(write: numba.core.dispatcher.Dispatcher) -> None:
    generator = np.random.default_rng(0)
    bits = generator.random((200, 64)) < generator.random((200, 1)) ** 2
    words = np.packbits(bits, axis=1, bitorder="little").view(np.uint64).ravel()
    bases = np.arange(200, dtype=np.uint64) * 64
    ids = np.full(bits.sum(), HELD, np.uint32)
    assert write(words, bases, ids, np.uint64(0), np.uint64(len(ids))) == len(ids)
    assert np.array_equal(ids, np.flatnonzero(bits))
