"""SpikingJelly: `LIFNode` over all steps at once, with an input that does not decay and the reset without gradient.

Its SuperSpike a / (1 + |x|)^2 has no slope: membranes are larger by the case's slope k, and a = 1 / k, which gives the
same gradients. Recurrent layers run the same node step by step.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.case import Built, Case
from benchmarks.peers._training import Spikes, Weights, fold, kernel, read, train

NAME = "spikingjelly"
PACKAGES = ("spikingjelly", "torch")
NUMBER_TYPE = "fp32"
NOTE = ""


def supports(case: Case) -> str | None:
    """None, or why a case is out of reach."""
    return None if 0 < case.beta < 1 else "it takes time constants above 1 step, and no infinite ones"


def build(case: Case, *, dtype: torch.dtype = torch.float32) -> Built:
    """The case, ready to run."""
    from spikingjelly.activation_based import functional, neuron, surrogate

    weights, weighting = Weights(case, factor=case.slope), kernel(case)
    layers = [
        neuron.LIFNode(
            tau=1 / (1 - case.beta),
            decay_input=False,
            v_threshold=case.slope * case.threshold,
            v_reset=0.0,
            surrogate_function=surrogate.SuperSpike(alpha=1 / case.slope),
            detach_reset=True,
            step_mode="m" if within is None else "s",
        )
        for within in case.recurrent
    ]
    x = case.x.to(dtype, copy=True)

    def forward() -> tuple[Tensor | None, list[Spikes]]:
        below, spikes = x, list[Spikes]()
        for layer, weight, within in zip(layers, weights.hidden, weights.within, strict=True):
            functional.reset_net(layer)
            currents = fold(below, weight)
            below = layer(currents) if within is None else _recurrent(layer, currents, within.to(dtype))
            spikes.append(below)
        return read(below, weights.readout, weighting), spikes

    return train(case, weights, forward)


def _recurrent(layer: torch.nn.Module, currents: Tensor, within: Tensor) -> Tensor:
    """Spikes `[T, B, N]` of a layer that works step by step, in the number type of its currents `[T, B, N]`."""
    spikes = [torch.zeros_like(currents[0])]
    for current in currents.float().unbind(0):
        total = current + F.linear(spikes[-1], within).float()
        spikes.append(layer(total).to(currents.dtype))
    return torch.stack(spikes[1:])
