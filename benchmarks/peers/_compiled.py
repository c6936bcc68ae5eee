"""Plain torch, products over all steps, the neurons' loop through torch.compile with its backward pass.

A loop over 100 steps compiles for a minute and more, and comes out slower: so a few steps are compiled, and called
again and again.
"""

import torch
import torch._dynamo
from torch import Tensor

from benchmarks.case import Built, Case
from benchmarks.peers._torch import advance
from benchmarks.peers._training import Numbers, Spikes, Weights, fold, kernel, numbers, read, train

STEPS = 10
"""How many steps are compiled together."""

# The limit of 8 is for all shapes of all layers together.
torch._dynamo.config.recompile_limit = 64


def build(case: Case, *, dtype: torch.dtype) -> Built:
    """The case, ready to run.

    Args:
        case: what to train on.
        dtype: the number type of products; membranes are float32.
    """
    weights, neuron, weighting = Weights(case), numbers(case), kernel(case)
    x = case.x.to(dtype, copy=True)

    def forward() -> tuple[Tensor | None, list[Spikes]]:
        below, spikes = x, list[Spikes]()
        for weight, within in zip(weights.hidden, weights.within, strict=True):
            below = _neurons(fold(below, weight), None if within is None else within.to(dtype), neuron)
            spikes.append(below)
        return read(below, weights.readout, weighting), spikes

    return train(case, weights, forward)


def _neurons(currents: Tensor, within: Tensor | None, neuron: Numbers) -> Tensor:
    """Spikes `[T, B, N]` from currents `[T, B, N]`, both in the number type of products."""
    membrane = torch.zeros_like(currents[0], dtype=torch.float32)
    spike, spikes = membrane, []
    for part in currents.split(STEPS):
        some, membrane, spike = _few_steps(part, membrane, spike, within, neuron.beta, neuron.threshold, neuron.slope)
        spikes.append(some)
    return torch.cat(spikes)


@torch.compile(dynamic=False)
def _few_steps(
    currents: Tensor,
    membrane: Tensor,
    spike: Tensor,
    within: Tensor | None,
    beta: float,
    threshold: float,
    slope: float,
) -> tuple[Tensor, Tensor, Tensor]:
    spikes = []
    for current in currents.float().unbind(0):
        if within is not None:
            current = current + torch.nn.functional.linear(spike.to(within.dtype), within).float()
        membrane, spike = advance(membrane, spike, current, Numbers(beta, threshold, slope))
        spikes.append(spike.to(currents.dtype))
    return torch.stack(spikes), membrane, spike
