"""Plain torch, one product over all steps a layer and a loop over time, in a CUDA graph; products in bf16."""

from functools import partial

import torch

from benchmarks.peers import _graph, _torch
from benchmarks.peers._training import Launch

NAME = "torch_folded_bf16_graph"
PACKAGES = _torch.PACKAGES
NUMBER_TYPE = "bf16"
NOTE = ""
NO_CPU = _graph.NO_CPU

supports = _torch.supports
build = partial(_torch.build_folded, product=torch.bfloat16, membrane=torch.float32, launch=Launch(graph=True))
