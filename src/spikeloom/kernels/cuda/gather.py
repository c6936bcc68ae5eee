"""Sums of weight rows: what an input's spikes, listed as ids, amount to."""

import triton
import triton.language as tl
from torch import Tensor

from spikeloom.kernels.cuda.launch import launch
from spikeloom.kernels.cuda.words import BLOCK

ROWS = tl.constexpr(16)
"""So many weight rows are under way at once."""


@triton.jit
def row_sum(weight, input_stride, ids, first, count):
    """The sum of `count` rows of a block's weights, those that `ids[first]` and on name; [64] float32.

    The partial sums of every 16th row are added up last: an order that depends on the ids alone.
    """
    lane, part = tl.arange(0, BLOCK), tl.arange(0, ROWS)
    sums = tl.zeros([ROWS, BLOCK], tl.float32)
    for i in range(0, count, ROWS):
        there = i + part < count
        at = tl.load(ids + first + i + part, mask=there, other=0).to(tl.int64) * input_stride
        rows = tl.load(weight + at[:, None] + lane[None, :], mask=there[:, None], other=0.0)
        sums += rows.to(tl.float32)
    return tl.sum(sums, 0)


def forward(weight: Tensor, ids: Tensor, row_start: Tensor, spike_count: Tensor, out: Tensor) -> None:
    """The sums of all rows of ids.

    Args:
        weight: `[N / 64, I, 64]`, of any float type and any strides in the first two dimensions.
        ids: `[K]` int32, with `row_start` and `spike_count` as in `Spikes`.
        row_start: see `ids`.
        spike_count: see `ids`.
        out: `[B * T, N]`, written.
    """
    grid = (weight.shape[0], len(out))
    launch(_forward, grid, weight, *weight.stride()[:2], ids, row_start, spike_count, out, out.shape[1])


@triton.jit
def _forward(weight, block_stride, input_stride, ids, row_start, spike_count, out, size):
    k, r = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    first, count = tl.load(row_start + r), tl.load(spike_count + r)
    total = row_sum(weight + k * block_stride, input_stride, ids, first, count)
    tl.store(out + r * size + k * BLOCK + tl.arange(0, BLOCK), total)
