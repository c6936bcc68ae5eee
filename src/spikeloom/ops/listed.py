"""Rows of ids of a layer whose spikes are there as bits and as zeros and ones."""

import torch

from spikeloom.ops.leave import leave, no_margins
from spikeloom.ops.operator import operator
from spikeloom.surrogates import SuperSpike

_ROWS = "(Tensor active, Tensor ids, Tensor row_start)"


@operator("listed", f"(Tensor raster, Tensor spikes, Tensor near, int entries) -> {_ROWS}")
def listed(raster, spikes, near, entries):
    """List ids that `ops.feedforward_dense` has left unlisted.

    Args:
        raster: `[T, B, N]` zeros and ones, to which gradients flow.
        spikes: `[N / 64, B * T]` int64, the bits of those who spiked.
        near: likewise, of those in their window.
        entries: how many these are.

    Returns:
        `active`, `ids` and `row_start` as in `Spikes`.
    """
    left = leave(spikes, near, no_margins(entries), SuperSpike().spec, limit=0, seed=0)
    return left.active, left.ids, left.row_start


@listed.register_fake
def _fake(raster, spikes, near, entries):
    ids = spikes.new_empty(entries, dtype=torch.int32)
    return raster.new_empty(entries, dtype=torch.float32), ids, spikes.new_empty(spikes.shape[1] + 1)


def _setup(ctx, inputs, output):
    raster, *_ = inputs
    _, ids, row_start = output
    ctx.like = (raster.shape, raster.stride(), raster.dtype)
    ctx.save_for_backward(ids, row_start)


def _backward(ctx, d_active, *_):
    ids, row_start = ctx.saved_tensors
    shape, strides, dtype = ctx.like
    rows = torch.repeat_interleave(row_start.diff(), output_size=ids.shape[0])
    d_raster = d_active.new_empty_strided(shape, strides, dtype=dtype).zero_()
    d_raster[rows % shape[0], rows // shape[0], ids.long()] = d_active.to(dtype)
    return d_raster, None, None, None


listed.register_autograd(_backward, setup_context=_setup)
