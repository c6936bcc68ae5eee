"""Plain torch, products over all steps in bf16, neurons in fp32."""

from functools import partial

import torch

from benchmarks.peers import _torch

NAME = "torch_folded_bf16"
PACKAGES = _torch.PACKAGES
NUMBER_TYPE = "bf16"
NOTE = ""

supports = _torch.supports
build = partial(_torch.build_folded, product=torch.bfloat16, membrane=torch.float32)
