"""As `spikingjelly`, with products in bfloat16."""

import torch

from benchmarks.case import Built, Case
from benchmarks.peers import spikingjelly

NAME = "spikingjelly_bf16"
PACKAGES = spikingjelly.PACKAGES
NUMBER_TYPE = "bf16"
NOTE = spikingjelly.NOTE
supports = spikingjelly.supports


def build(case: Case) -> Built:
    """The case, ready to run."""
    return spikingjelly.build(case, dtype=torch.bfloat16)
