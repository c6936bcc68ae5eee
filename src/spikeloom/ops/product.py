"""The sparse product alone, currents from rows of ids: the paper's first sparse op."""

import torch

from spikeloom.ops.arrays import array, block_parts, flat, kernels, run, unsigned, width
from spikeloom.ops.operator import operator
from spikeloom.ops.scans import added_up

_SPIKES = "Tensor ids, Tensor row_start, Tensor spike_count"


@operator("product", f"({_SPIKES}, Tensor active, Tensor weight) -> Tensor")
def product(ids, row_start, spike_count, active, weight):
    """The sums `[R, N]` of the rows of `weight` `[N / 64, I, 64]` that the ids of each row name."""
    out = weight.new_empty(spike_count.shape[0], weight.shape[0] * weight.shape[2])
    source = kernels("sources").Gathered(
        flat(weight),
        weight.shape[1],
        out.new_zeros(out.shape[1]).numpy(),
        unsigned(ids),
        unsigned(row_start),
        unsigned(spike_count),
    )
    run(kernels("product").forward, width(), source, out.shape[0], array(out))
    return out


@operator(
    "product_backward",
    f"({_SPIKES}, Tensor weight, Tensor d_out, bool want_input) -> (Tensor d_input, Tensor d_weight)",
)
def product_backward(ids, row_start, spike_count, weight, d_out, want_input):
    """The gradients of `product`: in the inputs' windows, in the weight rows of inputs that spiked."""
    parts = block_parts(weight.shape[0], shared_sums=want_input)
    d_weight = torch.zeros_like(weight)
    d_input = weight.new_zeros(parts, ids.shape[0] if want_input else 0)
    run(
        kernels("product").backward,
        width(),
        flat(weight),
        weight.shape[1],
        unsigned(ids),
        unsigned(row_start),
        unsigned(spike_count),
        array(d_out.contiguous()),
        parts,
        flat(d_weight),
        array(d_input),
    )
    return added_up(d_input), d_weight


@product.register_fake
def _fake(ids, row_start, spike_count, active, weight):
    return weight.new_empty(spike_count.shape[0], weight.shape[0] * weight.shape[2])


@product_backward.register_fake
def _fake_backward(ids, row_start, spike_count, weight, d_out, want_input):
    return weight.new_empty(ids.shape[0] if want_input else 0), torch.empty_like(weight)


def _setup(ctx, inputs, output):
    ids, row_start, spike_count, _, weight = inputs
    ctx.save_for_backward(ids, row_start, spike_count, weight)


def _backward(ctx, d_out):
    want_input = ctx.needs_input_grad[3]
    d_input, d_weight = product_backward(*ctx.saved_tensors, d_out, want_input)
    return None, None, None, d_input if want_input else None, d_weight


product.register_autograd(_backward, setup_context=_setup)
