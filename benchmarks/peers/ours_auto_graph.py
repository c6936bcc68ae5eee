"""spikeloom: our own choice of routes, made on the first batch.

The whole step is in a CUDA graph where all layers take the dense route.
"""

from functools import partial

from benchmarks.case import Case
from benchmarks.peers import _graph, _ours

NAME = "ours_auto_graph"
PACKAGES = _ours.PACKAGES
NUMBER_TYPE = "fp32"
NOTE = ""
NO_CPU = _graph.NO_CPU


def supports(case: Case) -> str | None:
    """None, or why a case is out of reach."""
    return None


build = partial(_ours.build, sparse="auto", graph=True)
