"""Plain torch, one loop over time around all layers, compiled step by step and in a CUDA graph; products in bf16."""

from functools import partial

import torch

from benchmarks.peers import _graph, _per_step, _torch
from benchmarks.peers._training import Launch

NAME = "torch_per_step_compile_bf16_graph"
PACKAGES = _torch.PACKAGES
NUMBER_TYPE = "bf16"
NOTE = ""
NO_CPU = _graph.NO_CPU

supports = _torch.supports
build = partial(_per_step.build, dtype=torch.bfloat16, compiled=True, launch=Launch(graph=True))
