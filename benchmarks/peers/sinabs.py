"""Sinabs: `LIF` and `LIFRecurrent` with inputs as they are, one spike a step, and the reset to zero.

Its surrogate is any function of membrane and threshold: here SuperSpike's derivative. Time is its second axis.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.case import Built, Case
from benchmarks.peers._training import Spikes, Weights, kernel, read, train

NAME = "sinabs"
PACKAGES = ("sinabs", "torch")
NUMBER_TYPE = "fp32"
NOTE = ""


def supports(case: Case) -> str | None:
    """None, or why a case is out of reach."""
    return None if 0 < case.beta < 1 else "its decay is exp(-1 / tau), which is 0 or 1 for no tau"


@dataclass
class SuperSpike:
    """The derivative 1 / (slope |U - threshold| + 1)^2."""

    slope: float

    def __call__(self, membrane: Tensor, threshold: Tensor) -> Tensor:
        return (self.slope * (membrane - threshold).abs() + 1).square().reciprocal()


def build(case: Case, *, dtype: torch.dtype = torch.float32) -> Built:
    """The case, ready to run."""
    weights, weighting = Weights(case), kernel(case)
    layers = [_layer(case, within).to(case.device) for within in weights.within]
    x = case.x.transpose(0, 1).to(dtype, memory_format=torch.contiguous_format, copy=True)  # [B, T, I]

    def forward() -> tuple[Tensor | None, list[Spikes]]:
        below, spikes = x, list[Spikes]()
        for layer, weight in zip(layers, weights.hidden, strict=True):
            layer.reset_states()  # type: ignore[operator]
            below = layer(torch.nn.functional.linear(below, weight.to(dtype)).float()).to(dtype)
            spikes.append(below)
        return read(below.transpose(0, 1), weights.readout, weighting), spikes

    return train(case, weights, forward)


def _layer(case: Case, within: torch.nn.Parameter | None) -> torch.nn.Module:
    from sinabs.activation import MembraneReset, SingleSpike
    from sinabs.layers import LIF, LIFRecurrent

    settings = {
        "tau_mem": -1 / torch.tensor(case.beta).log(),
        "spike_threshold": torch.tensor(case.threshold),
        "spike_fn": SingleSpike,
        "reset_fn": MembraneReset(),
        "surrogate_grad_fn": SuperSpike(case.slope),
        "norm_input": False,
    }
    if within is None:
        layer: torch.nn.Module = LIF(**settings)
    else:
        recurrent = torch.nn.Linear(len(within), len(within), bias=False)
        recurrent.weight = within
        layer = LIFRecurrent(rec_connect=recurrent, **settings)
    # Learnt by default, which takes a sum over all neurons and steps.
    layer.tau_mem.requires_grad_(False)
    return layer
