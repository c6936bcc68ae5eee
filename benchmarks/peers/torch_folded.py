"""Plain torch, one product over all steps a layer, then a loop over time for its neurons."""

from functools import partial

import torch

from benchmarks.peers import _torch

NAME = "torch_folded"
PACKAGES = _torch.PACKAGES
NUMBER_TYPE = "fp32"
NOTE = ""

supports = _torch.supports
build = partial(_torch.build_folded, product=torch.float32, membrane=torch.float32)
