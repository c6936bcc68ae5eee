"""Words of bits, one for each block of 64 neurons and each row."""

import triton
import triton.language as tl
from torch import Tensor

from spikeloom.kernels.cuda.launch import launch

BLOCK = tl.constexpr(64)
CHUNK = tl.constexpr(32)
"""So many rows are unpacked by a program."""


@triton.jit
def word_of(mask):
    """A word from 64 lanes; the first is the lowest bit."""
    bits = mask.to(tl.int64) << tl.arange(0, BLOCK).to(tl.int64)
    return tl.sum(bits, 0)


@triton.jit
def lanes_of(word):
    """The counterpart of `word_of`."""
    return ((word >> tl.arange(0, BLOCK).to(tl.int64)) & 1) != 0


def unpack(words: Tensor, mask: Tensor) -> None:
    """Write a mask `[B * T, N]` bool from words `[N / 64, B * T]`."""
    blocks, rows = words.shape
    launch(_unpack, (blocks, -(-rows // CHUNK.value)), words, rows, mask, mask.shape[1])


@triton.jit
def _unpack(words, rows, mask, size):
    k = tl.program_id(0).to(tl.int64)
    r = tl.program_id(1) * CHUNK + tl.arange(0, CHUNK)
    lane = tl.arange(0, BLOCK)
    word = tl.load(words + k * rows + r, mask=r < rows, other=0)
    bits = (word[:, None] >> lane.to(tl.int64)[None, :]) & 1
    tl.store(mask + r.to(tl.int64)[:, None] * size + k * BLOCK + lane[None, :], bits != 0, mask=(r < rows)[:, None])
