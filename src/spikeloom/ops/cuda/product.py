"""The sparse product alone: see `ops.product`."""

import torch

from spikeloom.kernels.cuda import gather
from spikeloom.ops.cuda.scans import scattered
from spikeloom.ops.product import product, product_backward


@product.on("cuda")
def _product(ids, row_start, spike_count, active, weight):
    out = weight.new_empty(len(spike_count), weight.shape[0] * weight.shape[2])
    gather.forward(weight, ids, row_start, spike_count, out)
    return out


@product_backward.on("cuda")
def _product_backward(ids, row_start, spike_count, weight, d_out, want_input):
    d_weight = torch.empty_like(weight)
    d_input = scattered(weight, ids, row_start, spike_count, d_out.contiguous(), d_weight, want_input=want_input)
    return d_input, d_weight
