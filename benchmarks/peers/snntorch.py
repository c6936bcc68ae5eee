"""snnTorch: `Leaky` with its delayed reset to zero, which is the case's equation, behind products over all steps.

Its spike needs the membrane above the threshold and not at it. Its own recurrent layer `RLeaky` resets the new current
with the membrane: so recurrent currents are added to the others, in front of `Leaky`.
"""

import torch

from benchmarks.case import Built, Case
from benchmarks.peers import _loop

NAME = "snntorch"
PACKAGES = ("snntorch", "torch")
NUMBER_TYPE = "fp32"
NOTE = ""


def supports(case: Case) -> str | None:
    """None: any case has its form."""
    return None


def build(case: Case, *, dtype: torch.dtype = torch.float32) -> Built:
    """The case, ready to run."""
    from snntorch import Leaky, surrogate

    shape = surrogate.fast_sigmoid(slope=case.slope)
    layers = [
        Leaky(beta=case.beta, threshold=case.threshold, spike_grad=shape, reset_mechanism="zero").to(case.device)
        for _ in case.weights
    ]
    return _loop.build(case, layers, dtype=dtype)
