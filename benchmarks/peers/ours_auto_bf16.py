"""spikeloom: our own choice of routes, made on the first batch, inside of torch.autocast to bfloat16."""

from functools import partial

from benchmarks.case import Case
from benchmarks.peers import _ours

NAME = "ours_auto_bf16"
PACKAGES = _ours.PACKAGES
NUMBER_TYPE = "bf16"
NOTE = ""


def supports(case: Case) -> str | None:
    """None, or why a case is out of reach."""
    return None


build = partial(_ours.build, sparse="auto", bf16=True)
