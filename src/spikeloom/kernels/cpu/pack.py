"""Weights in 16 bits, packed in pairs as `simd.load` reads them: half the bytes of a gather."""

import numpy as np

from spikeloom.kernels.cpu.bits import take_next
from spikeloom.kernels.cpu.compile import inlined, kernel
from spikeloom.kernels.cpu.simd import BLOCK, PAIR

CHUNK = 512
_SIXTEEN, _ONE, _HALF = np.uint32(16), np.uint32(1), np.uint32(1 << 15)
_SIGN, _UPPER, _INFINITE = np.uint32(1 << 31), np.uint32(0x7FFF0000), np.uint32(0x7F800000)


@kernel
def pack(counter, weight, packed):
    """Round blocks of 64 numbers and pack them.

    The low number of a pair is rounded to bfloat16. The high one is the upper half of the float32 that the whole word
    is, and is rounded with the lower half in view: to half a unit in bfloat16's last place, too. Infinite numbers may
    come out as NaN.

    Args:
        counter: shared task counter; a task is a chunk of blocks.
        weight: flat [M, 64] uint32: the bits of float32 numbers.
        packed: flat [M, 32] uint32, written.
    """
    count = len(packed) * 2 // BLOCK
    first = take_next(counter) * CHUNK
    while first < count:
        for i in range(2 * first, 2 * min(first + CHUNK, count)):
            for j in range(PAIR):
                at = i * 2 * PAIR + j
                low = _rounded(weight[at])
                packed[i * PAIR + j] = _nearest(weight[at + PAIR], low) | low
        first = take_next(counter) * CHUNK


@inlined
def _rounded(bits):
    """The upper half of a number rounded to nearest, ties to even; NaN stays NaN."""
    kept = bits >> _SIXTEEN
    nearest = (bits + (_HALF - _ONE) + (kept & _ONE)) >> _SIXTEEN
    return kept | np.uint32(64) if bits & ~_SIGN > _INFINITE else nearest


@inlined
def _nearest(bits, low):
    """The upper half that brings a float32 with the lower half `low` nearest to a number."""
    size = bits & ~_SIGN
    upper = (size - low + _HALF) & _UPPER if size + _HALF >= low else np.uint32(0)
    return bits & _SIGN | (size & _UPPER if size >= _INFINITE else upper)
