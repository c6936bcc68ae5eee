"""Plain torch, products over all steps in bf16, the neurons' loop through torch.compile."""

from functools import partial

import torch

from benchmarks.peers import _compiled, _torch

NAME = "torch_compile_bf16"
PACKAGES = _torch.PACKAGES
NUMBER_TYPE = "bf16"
NOTE = "the loop is compiled for 10 steps at a time"

supports = _torch.supports
build = partial(_compiled.build, dtype=torch.bfloat16)
