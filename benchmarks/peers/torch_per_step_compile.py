"""Plain torch, one loop over time around all layers, each step of time through torch.compile; fp32."""

from functools import partial

import torch

from benchmarks.peers import _per_step, _torch

NAME = "torch_per_step_compile"
PACKAGES = _torch.PACKAGES
NUMBER_TYPE = "fp32"
NOTE = ""
NO_CPU = _per_step.NO_CPU

supports = _torch.supports
build = partial(_per_step.build, dtype=torch.float32, compiled=True)
