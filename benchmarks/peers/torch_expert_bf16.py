"""The strongest dense plain torch that we know how to write, products in bf16."""

from functools import partial

import torch

from benchmarks.peers import _expert, _torch

NAME = "torch_expert_bf16"
PACKAGES = _torch.PACKAGES
NUMBER_TYPE = "bf16"
NOTE = ""

supports = _torch.supports
build = partial(_expert.build, dtype=torch.bfloat16)
