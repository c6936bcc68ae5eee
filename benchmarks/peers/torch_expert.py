"""The strongest dense plain torch that we know how to write, products in fp32."""

from functools import partial

import torch

from benchmarks.peers import _expert, _torch

NAME = "torch_expert"
PACKAGES = _torch.PACKAGES
NUMBER_TYPE = "fp32"
NOTE = ""

supports = _torch.supports
build = partial(_expert.build, dtype=torch.float32)
