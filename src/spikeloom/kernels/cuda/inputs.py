"""The gradient by the inputs, in their window alone: a product of weight row and adjoint for each entry."""

import triton
import triton.language as tl
from torch import Tensor

from spikeloom.kernels.cuda.gather import ROWS
from spikeloom.kernels.cuda.launch import launch
from spikeloom.kernels.cuda.words import BLOCK


def backward(weight: Tensor, ids: Tensor, row_start: Tensor, d_current: Tensor, d_input: Tensor) -> None:
    """Take the products.

    Args:
        weight: `[N / 64, I, 64]`, of any float type and any strides in the first two dimensions.
        ids: `[K]` int32, with `row_start` as in `Spikes`.
        row_start: see `ids`.
        d_current: `[B * T, N]`.
        d_input: `[K]`, written.
    """
    blocks, rows = weight.shape[0], d_current.shape[0]
    launch(_backward, (rows,), weight, *weight.stride()[:2], ids, row_start, d_current, blocks, d_input)


@triton.jit
def _backward(weight, block_stride, input_stride, ids, row_start, d_current, blocks, d_input):
    r = tl.program_id(0).to(tl.int64)
    lane, part = tl.arange(0, BLOCK), tl.arange(0, ROWS)
    first, end = tl.load(row_start + r), tl.load(row_start + r + 1)
    for entry in range(first, end, ROWS):
        there = entry + part < end
        at = tl.load(ids + entry + part, mask=there, other=0).to(tl.int64) * input_stride
        sums = tl.zeros([ROWS, BLOCK], tl.float32)
        for k in range(blocks):
            d = tl.load(d_current + (r * blocks + k) * BLOCK + lane).to(tl.float32)
            place = k * block_stride + at[:, None] + lane[None, :]
            sums += tl.load(weight + place, mask=there[:, None], other=0.0).to(tl.float32) * d[None, :]
        tl.store(d_input + entry + part, tl.sum(sums, 1), mask=there)
