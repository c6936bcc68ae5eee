"""Weights in bfloat16, packed in pairs as `simd.load` reads them: half the bytes of a gather."""

import numpy as np

from spikeloom.kernels.cpu.bits import take_next
from spikeloom.kernels.cpu.compile import inlined, kernel
from spikeloom.kernels.cpu.simd import BLOCK, PAIR

CHUNK = 512
_HALF, _LOW = np.uint32(0x7FFF), np.uint32(16)
_SIGN, _INFINITE, _QUIET = np.uint32(0x7FFFFFFF), np.uint32(0x7F800000), np.uint32(0x00400000)


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
        for i in range(first, min(first + CHUNK, count)):
            source, target = weight[i * BLOCK : (i + 1) * BLOCK], packed[i * BLOCK // 2 : (i + 1) * BLOCK // 2]
            for half in range(2):
                for j in range(PAIR):
                    low = _rounded(source[half * 2 * PAIR + j])
                    high = _rounded(source[half * 2 * PAIR + PAIR + j])
                    target[half * PAIR + j] = low >> _LOW | high
        first = take_next(counter) * CHUNK


@inlined
def _rounded(bits):
    """The upper half of a number rounded to nearest, ties to even; NaN stays NaN."""
    nearest = bits + _HALF + (bits >> _LOW & np.uint32(1))
    return (bits | _QUIET if bits & _SIGN > _INFINITE else nearest) & np.uint32(0xFFFF0000)
