"""Two packed rows merged as words say, at every width, against a plain loop."""

import numba
import numpy as np
import pytest

from spikeloom.kernels.cpu import merge
from spikeloom.kernels.cpu.compile import FLAGS
from spikeloom.kernels.cpu.simd import Width

HELD = np.float32(7)
FULL = 2**64 - 1
# Inside, of the first row, of the second one; up to 16 numbers are written at once.
CASES = {
    "nothing": (0, 0, 0),
    "one of the first": (1 << 63, 1 << 63, 0),
    "one of the second": (1, 0, 1),
    "zeros alone": (0xFFFF_FFFF, 0, 0),
    "sixteen": (0xFFFF, 0x00F1, 0xFF0C),
    "one more": (0x8000_0000_0000_FFFF, 0x8000_0000_0000_00F1, 0xFF0C),
    "all": (FULL, 0x0F0F_0F0F_3333_0000, 0xF000_F0F0_CCCC_FFFF),
    "all of the first": (FULL, FULL, 0),
    "all of the second": (FULL, 0, FULL),
}


@numba.njit(**FLAGS)
def merged(width, array, i, first, j, second, out, to, inside):
    merge.merge(width, array, i, first, j, second, out, to, inside)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_merge(width: Width, case: tuple[int, int, int]) -> None:
    """Exactly one number for each bit inside; rows end with the array, and nothing around is touched."""
    inside, first, second = case
    i, to = 3, 5
    j = i + first.bit_count()
    array = np.random.default_rng(0).random(j + second.bit_count()).astype(np.float32)
    array[:i] = np.nan
    out = np.full(to + inside.bit_count() + 64, HELD)
    words = [np.uint64(word) for word in (i, first, j, second)]
    merged(width, array, *words, out, np.uint64(to), np.uint64(inside))
    firsts, seconds = iter(array[i:j]), iter(array[j:])
    want = [
        next(firsts) if first >> n & 1 else next(seconds) if second >> n & 1 else 0
        for n in range(64)
        if inside >> n & 1
    ]
    assert out[to : to + len(want)].tolist() == want
    assert (out[:to] == HELD).all()
    assert (out[to + len(want) :] == HELD).all()
