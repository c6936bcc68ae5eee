"""Norse: `LIFBoxCell`, its neuron without synaptic currents, behind products over all steps.

Its membrane V + dt / tau (I - V) is the case's with 1 - beta for dt / tau and currents larger by 1 / (1 - beta). It
resets before the next step, with a method that can be chosen: this one keeps gradients out, as the case has it. The
surrogate has no slope: all potentials are larger by the slope instead, which makes gradients larger by it too, once for
each layer that they pass.
"""

import torch
from torch import Tensor

from benchmarks.case import Built, Case
from benchmarks.peers import _loop

NAME = "norse"
PACKAGES = ("norse", "torch")
NUMBER_TYPE = "fp32"
NOTE = "each layer multiplies gradients by the slope of the surrogate, which has none of its own"


def supports(case: Case) -> str | None:
    """None, or why a case is out of reach."""
    return None if case.beta < 1 else "a membrane without decay cannot be written as its Euler step"


def build(case: Case, *, dtype: torch.dtype = torch.float32, compiled: bool = False) -> Built:
    """The case, ready to run."""
    from norse.torch import LIFBoxCell, LIFBoxFeedForwardState, LIFBoxParameters

    def reset(spike: Tensor, membrane: Tensor, value: Tensor, threshold: Tensor) -> Tensor:
        return membrane * (1 - spike.detach())

    parameters = LIFBoxParameters(
        tau_mem_inv=torch.tensor((1 - case.beta) * 1000, device=case.device),
        v_th=torch.tensor(case.slope * case.threshold, device=case.device),
        reset_method=reset,
    )
    cell = LIFBoxCell(parameters)

    def step(current: Tensor, membrane: Tensor) -> tuple[Tensor, Tensor]:
        spike, state = cell(current, LIFBoxFeedForwardState(membrane))
        return spike, state.v

    factor = case.slope / (1 - case.beta)
    return _loop.build(case, [step] * len(case.weights), factor=factor, dtype=dtype, compiled=compiled)
