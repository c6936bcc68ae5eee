"""spikeloom: our dense route, with products folded over time."""

from functools import partial

from benchmarks.case import Case
from benchmarks.peers import _ours

NAME = "ours_dense"
PACKAGES = _ours.PACKAGES
NUMBER_TYPE = "fp32"
NOTE = ""


def supports(case: Case) -> str | None:
    """None, or why a case is out of reach."""
    return None


build = partial(_ours.build, sparse=False)
