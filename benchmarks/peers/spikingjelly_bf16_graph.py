"""As `spikingjelly`, with products in bfloat16, the whole step in a CUDA graph."""

from functools import partial

import torch

from benchmarks.peers import _graph, spikingjelly
from benchmarks.peers._training import Launch

NAME = "spikingjelly_bf16_graph"
PACKAGES = spikingjelly.PACKAGES
NUMBER_TYPE = "bf16"
NOTE = spikingjelly.NOTE
NO_CPU = _graph.NO_CPU

supports = spikingjelly.supports
build = partial(spikingjelly.build, dtype=torch.bfloat16, launch=Launch(graph=True))
