"""Plain torch, products over all steps and neurons in bf16."""

from functools import partial

import torch

from benchmarks.peers import _torch

NAME = "torch_folded_bf16_membrane"
PACKAGES = _torch.PACKAGES
NUMBER_TYPE = "bf16"
NOTE = "membranes in bf16, and so other spikes"

supports = _torch.supports
build = partial(_torch.build_folded, product=torch.bfloat16, membrane=torch.bfloat16)
