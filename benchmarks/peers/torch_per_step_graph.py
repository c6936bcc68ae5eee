"""Plain torch, one loop over time around all layers, all of it in a CUDA graph; fp32."""

from functools import partial

import torch

from benchmarks.peers import _graph, _per_step, _torch
from benchmarks.peers._training import Launch

NAME = "torch_per_step_graph"
PACKAGES = _torch.PACKAGES
NUMBER_TYPE = "fp32"
NOTE = ""
NO_CPU = _graph.NO_CPU

supports = _torch.supports
build = partial(_per_step.build, dtype=torch.float32, compiled=False, launch=Launch(graph=True))
