"""Plain torch, products over all steps, the neurons' loop through torch.compile; fp32."""

from functools import partial

import torch

from benchmarks.peers import _compiled, _torch

NAME = "torch_compile"
PACKAGES = _torch.PACKAGES
NUMBER_TYPE = "fp32"
NOTE = "the loop is compiled for 10 steps at a time"

supports = _torch.supports
build = partial(_compiled.build, dtype=torch.float32)
