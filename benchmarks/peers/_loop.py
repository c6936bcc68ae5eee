"""What adapters of torch libraries share that give a neuron's step: products over all steps, then a loop over time."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.case import Built, Case
from benchmarks.peers._training import Spikes, Weights, fold, kernel, read, train

Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From the currents of a step and the membranes before it to the spikes and the membranes after it, all `[B, N]`."""


def build(case: Case, steps: Sequence[Step], *, factor: float = 1.0, dtype: torch.dtype = torch.float32) -> Built:
    """A library's neurons behind torch's products.

    Args:
        case: what to train on.
        steps: of each layer, the library's.
        factor: what multiplies the weights, where the library's membranes have another scale.
        dtype: the number type of products; membranes are float32.
    """
    weights, weighting = Weights(case, factor=factor), kernel(case)
    x = case.x.to(dtype, copy=True)

    def forward() -> tuple[Tensor | None, list[Spikes]]:
        below, spikes = x, list[Spikes]()
        for step, weight, within in zip(steps, weights.hidden, weights.within, strict=True):
            below = _neurons(step, fold(below, weight).float(), None if within is None else within.to(dtype)).to(dtype)
            spikes.append(below)
        return read(below, weights.readout, weighting), spikes

    return train(case, weights, forward)


def _neurons(step: Step, currents: Tensor, within: Tensor | None) -> Tensor:
    """Spikes `[T, B, N]`."""
    membrane = spike = torch.zeros_like(currents[0])
    spikes = []
    for current in currents.unbind(0):
        if within is not None:
            current = current + F.linear(spike.to(within.dtype), within).float()
        spike, membrane = step(current, membrane)
        spikes.append(spike)
    return torch.stack(spikes)
