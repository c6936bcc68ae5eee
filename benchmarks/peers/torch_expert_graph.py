"""The strongest dense plain torch that we know how to write, in a CUDA graph; products in fp32."""

from functools import partial

import torch

from benchmarks.peers import _expert, _graph, _torch
from benchmarks.peers._training import Launch

NAME = "torch_expert_graph"
PACKAGES = _torch.PACKAGES
NUMBER_TYPE = "fp32"
NOTE = ""
NO_CPU = _graph.NO_CPU

supports = _torch.supports
build = partial(_expert.build, dtype=torch.float32, launch=Launch(graph=True))
