"""The gradient by the weights: the owner of a weight row adds up the adjoints of the rows in which its input spiked."""

import triton
import triton.language as tl
from torch import Tensor

from spikeloom.kernels.cuda.gather import ROWS
from spikeloom.kernels.cuda.launch import launch
from spikeloom.kernels.cuda.words import BLOCK


def backward(column_start: Tensor, places: Tensor, d_current: Tensor, d_weight: Tensor) -> None:
    """Add up, in the order of `places`: no atomics, the same bits each time.

    Args:
        column_start: `[I + 1]` int64, where the places of each input begin.
        places: `[K]` int64, the rows in which it spiked.
        d_current: `[B * T, N]`.
        d_weight: `[N / 64, I, 64]`, of any strides in the first two dimensions, written.
    """
    blocks, inputs, _ = d_weight.shape
    launch(
        _backward,
        (inputs, blocks),
        column_start,
        places,
        d_current,
        d_current.shape[1],
        d_weight,
        *d_weight.stride()[:2],
    )


@triton.jit
def _backward(column_start, places, d_current, size, d_weight, block_stride, input_stride):
    j, k = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    lane, part = tl.arange(0, BLOCK), tl.arange(0, ROWS)
    end = tl.load(column_start + j + 1)
    sums = tl.zeros([ROWS, BLOCK], tl.float32)
    for i in range(tl.load(column_start + j), end, ROWS):
        there = i + part < end
        at = tl.load(places + i + part, mask=there, other=0) * size + k * BLOCK
        sums += tl.load(d_current + at[:, None] + lane[None, :], mask=there[:, None], other=0.0).to(tl.float32)
    tl.store(d_weight + k * block_stride + j * input_stride + lane, tl.sum(sums, 0))
