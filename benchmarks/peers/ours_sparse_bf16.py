"""spikeloom: our sparse kernels, inside of torch.autocast to bfloat16."""

from functools import partial

from benchmarks.case import Case
from benchmarks.peers import _ours

NAME = "ours_sparse_bf16"
PACKAGES = _ours.PACKAGES
NUMBER_TYPE = "bf16"
NOTE = ""


def supports(case: Case) -> str | None:
    """None, or why a case is out of reach."""
    return None if case.binary else "input that is no spikes takes the dense route"


build = partial(_ours.build, sparse=True, bf16=True)
