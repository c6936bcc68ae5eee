"""Plain torch, one loop over time around all layers with products of `[B, I]`: as most libraries do it."""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.case import Built, Case
from benchmarks.peers import _torch
from benchmarks.peers._training import Spikes, Weights, numbers, train

NAME = "torch_per_step"
PACKAGES = _torch.PACKAGES
NUMBER_TYPE = "fp32"
NOTE = ""

supports = _torch.supports


def build(case: Case) -> Built:
    """The case, ready to run."""
    weights, neuron, decay = Weights(case), numbers(case), case.readout_beta
    x = case.x.clone()

    def forward() -> tuple[Tensor | None, list[Spikes]]:
        states = [x.new_zeros(x.shape[1], len(w)) for w in weights.hidden]
        before, spikes = list(states), [list[Tensor]() for _ in states]
        output = summed = None if weights.readout is None else x.new_zeros(x.shape[1], len(weights.readout))
        for below in x.unbind(0):
            for i, (weight, within) in enumerate(zip(weights.hidden, weights.within, strict=True)):
                current = F.linear(below, weight)
                if within is not None:
                    current = current + F.linear(before[i], within)
                states[i], below = _torch.advance(states[i], before[i], current, neuron)
                before[i] = below
                spikes[i].append(below)
            if weights.readout is not None and output is not None and summed is not None:
                output = torch.add(F.linear(below, weights.readout), output, alpha=decay)
                summed = summed + output
        return summed, list[Spikes](spikes)

    return train(case, weights, forward)
