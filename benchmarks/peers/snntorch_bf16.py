"""As `snntorch`, with products in bfloat16."""

import torch

from benchmarks.case import Built, Case
from benchmarks.peers import snntorch

NAME = "snntorch_bf16"
PACKAGES = snntorch.PACKAGES
NUMBER_TYPE = "bf16"
NOTE = snntorch.NOTE
supports = snntorch.supports


def build(case: Case) -> Built:
    """The case, ready to run."""
    return snntorch.build(case, dtype=torch.bfloat16)
