"""Weights rounded to bfloat16 for the gathers of a step: half the bytes, beside float32 masters."""

import numpy as np
import torch

from spikeloom.ops.arrays import flat, kernels, run
from spikeloom.ops.operator import operator


@operator("shadow", "(Tensor weight) -> Tensor")
def shadow(weight):
    """`[N / 64, I, 32]` int32, each two numbers of `weight` `[N / 64, I, 64]` in bfloat16; see `kernels.cpu.simd`."""
    packed = torch.empty(*weight.shape[:2], weight.shape[2] // 2, dtype=torch.int32)
    run(kernels("pack").pack, flat(weight).view(np.uint32), flat(packed).view(np.uint32))
    return packed


@shadow.register_fake
def _fake(weight):
    return weight.new_empty(*weight.shape[:2], weight.shape[2] // 2, dtype=torch.int32)
