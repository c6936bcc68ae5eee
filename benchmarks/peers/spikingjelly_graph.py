"""As `spikingjelly`, the whole step in a CUDA graph."""

from functools import partial

from benchmarks.peers import _graph, spikingjelly
from benchmarks.peers._training import Launch

NAME = "spikingjelly_graph"
PACKAGES = spikingjelly.PACKAGES
NUMBER_TYPE = "fp32"
NOTE = spikingjelly.NOTE
NO_CPU = _graph.NO_CPU

supports = spikingjelly.supports
build = partial(spikingjelly.build, launch=Launch(graph=True))
