"""The selection of spikes with two thresholds, from dense membranes to rows of ids: the paper's second sparse op."""

import torch
from torch import Tensor

from spikeloom import surrogates
from spikeloom.ops.leave import leave, no_margins
from spikeloom.ops.operator import operator

_ROWS = "(Tensor active, Tensor ids, Tensor row_start, Tensor spike_count, Tensor slope)"


@operator("select", f"(Tensor margin, Tensor depth, str surrogate) -> {_ROWS}")
def select(margin, depth, surrogate):
    """Rows of ids from margins `[R, N]`, N a multiple of 64; the window begins at `depth` `[N]`, +inf for no neuron.

    Returns:
        `active`, `ids`, `row_start`, `spike_count` as in `Spikes`, and the surrogate's derivative at each entry.
    """
    near = margin >= depth
    left = leave(
        words_of((margin >= 0) & near), words_of(near), no_margins(int(near.sum())), surrogate, limit=0, seed=0
    )
    rows = torch.repeat_interleave(left.row_start.diff(), output_size=left.ids.shape[0])
    slope = surrogates.from_spec(surrogate).derivative(margin[rows, left.ids.long()])
    return left.active, left.ids, left.row_start, left.spike_count, slope


def words_of(mask: Tensor) -> Tensor:
    """`[N / 64, R]` int64 from `[R, N]` bool."""
    bits = mask.view(mask.shape[0], -1, 64).long() << torch.arange(64, device=mask.device)
    return bits.sum(2).T.contiguous()


@select.register_fake
def _fake(margin, depth, surrogate):
    entries, rows = torch.library.get_ctx().new_dynamic_size(), margin.shape[0]
    return (
        margin.new_empty(entries),
        margin.new_empty(entries, dtype=torch.int32),
        margin.new_empty(rows + 1, dtype=torch.int64),
        margin.new_empty(rows, dtype=torch.int32),
        margin.new_empty(entries),
    )


def _setup(ctx, inputs, output):
    _, ids, row_start, _, slope = output
    ctx.set_materialize_grads(False)
    ctx.mark_non_differentiable(slope)
    ctx.shape = inputs[0].shape
    ctx.save_for_backward(ids, row_start, slope)


def _backward(ctx, d_active, d_ids, d_start, d_count, d_slope):
    if d_active is None:
        return None, None, None
    ids, row_start, slope = ctx.saved_tensors
    rows = torch.repeat_interleave(row_start.diff(), output_size=ids.shape[0])
    zero = d_active.new_zeros(ctx.shape)
    return zero.index_put((rows, ids.long()), d_active * slope), None, None


select.register_autograd(_backward, setup_context=_setup)
