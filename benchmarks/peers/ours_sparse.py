"""spikeloom: our sparse kernels."""

from functools import partial

from benchmarks.case import Case
from benchmarks.peers import _ours

NAME = "ours_sparse"
PACKAGES = _ours.PACKAGES
NUMBER_TYPE = "fp32"
NOTE = ""


def supports(case: Case) -> str | None:
    """None, or why a case is out of reach."""
    return None if case.binary else "input that is no spikes takes the dense route"


build = partial(_ours.build, sparse=True)
