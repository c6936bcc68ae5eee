"""Weights in bfloat16, packed in pairs as `simd.load` reads them: half the bytes of a gather."""

import numpy as np

from spikeloom.kernels.cpu.bits import take_next
from spikeloom.kernels.cpu.compile import inlined, kernel
from spikeloom.kernels.cpu.simd import BLOCK, PAIR

CHUNK = 512
_SIXTEEN, _ONE, _HALF = np.uint32(16), np.uint32(1), np.uint32(0x7FFF)
_SIZE, _INFINITE, _QUIET = np.uint32(0x7FFFFFFF), np.uint32(0x7F800000), np.uint32(64)


@kernel
def pack(counter, weight, packed):
    """Round blocks of 64 numbers to bfloat16 and pack them.

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
                packed[i * PAIR + j] = _rounded(weight[at]) | _rounded(weight[at + PAIR]) << _SIXTEEN
        first = take_next(counter) * CHUNK


@inlined
def _rounded(bits):
    """The upper half of a number rounded to nearest, ties to even; NaN stays NaN."""
    kept = bits >> _SIXTEEN
    nearest = (bits + _HALF + (kept & _ONE)) >> _SIXTEEN
    return kept | _QUIET if bits & _SIZE > _INFINITE else nearest
