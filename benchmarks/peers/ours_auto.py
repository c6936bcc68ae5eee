"""spikeloom: our own choice of routes, made on the first batch."""

from functools import partial

from benchmarks.case import Case
from benchmarks.peers import _ours

NAME = "ours_auto"
PACKAGES = _ours.PACKAGES
NUMBER_TYPE = "fp32"
NOTE = ""


def supports(case: Case) -> str | None:
    """None, or why a case is out of reach."""
    return None


build = partial(_ours.build, sparse="auto")
