"""spikeloom: our dense route, inside of torch.autocast to bfloat16; the whole step in a CUDA graph."""

from functools import partial

from benchmarks.case import Case
from benchmarks.peers import _graph, _ours

NAME = "ours_dense_bf16_graph"
PACKAGES = _ours.PACKAGES
NUMBER_TYPE = "bf16"
NOTE = ""
NO_CPU = _graph.NO_CPU


def supports(case: Case) -> str | None:
    """None, or why a case is out of reach."""
    return None


build = partial(_ours.build, sparse=False, bf16=True, graph=True)
