"""spikeloom: our own choice of routes, made on the first batch, inside of torch.autocast to bfloat16.

The whole step is in a CUDA graph where all layers take the dense route.
"""

from functools import partial

from benchmarks.case import Case
from benchmarks.peers import _graph, _ours

NAME = "ours_auto_bf16_graph"
PACKAGES = _ours.PACKAGES
NUMBER_TYPE = "bf16"
NOTE = ""
NO_CPU = _graph.NO_CPU


def supports(case: Case) -> str | None:
    """None, or why a case is out of reach."""
    return None


build = partial(_ours.build, sparse="auto", bf16=True, graph=True)
