"""Plain torch: neurons as an autograd function around each step, as most competent users write them."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.case import Built, Case
from benchmarks.peers._training import EAGER, Launch, Numbers, Spikes, Weights, fold, kernel, numbers, read, train

PACKAGES = ("torch",)


def supports(case: Case) -> str | None:
    """None: torch takes any case."""
    return None


class Fire(torch.autograd.Function):
    """A spike where the margin is at least zero, with SuperSpike's derivative `1 / (slope |margin| + 1)^2`."""

    @staticmethod
    def forward(ctx: Any, margin: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(margin)
        ctx.slope = slope
        return (margin >= 0).to(margin.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (margin,) = ctx.saved_tensors
        return gradient / (ctx.slope * margin.abs() + 1).square(), None


def advance(membrane: Tensor, spike: Tensor, current: Tensor, neuron: Numbers) -> tuple[Tensor, Tensor]:
    """A step of neurons, all `[B, N]`: `U[t] = beta U[t-1] (1 - S[t-1]) + current`, and its spikes.

    No gradient passes through the reset.
    """
    membrane = torch.addcmul(current, membrane, 1 - spike.detach(), value=neuron.beta)
    fired: Tensor = Fire.apply(membrane - neuron.threshold, neuron.slope)  # type: ignore[no-untyped-call]
    return membrane, fired


def neurons(currents: Tensor, within: Tensor | None, neuron: Numbers) -> Tensor:
    """A layer's spikes `[T, B, N]`, in the number type of its currents `[T, B, N]`.

    Args:
        currents: from outside the layer.
        within: recurrent weights `[N, N]` in the number type of products, or None.
        neuron: its numbers.
    """
    membrane = spike = torch.zeros_like(currents[0])
    spikes = []
    for current in currents.unbind(0):
        if within is not None:
            current = current + F.linear(spike.to(within.dtype), within).to(current.dtype)
        membrane, spike = advance(membrane, spike, current, neuron)
        spikes.append(spike)
    return torch.stack(spikes)


def build_folded(case: Case, *, product: torch.dtype, membrane: torch.dtype, launch: Launch = EAGER) -> Built:
    """One product over all steps a layer, then a loop over time for its neurons.

    Args:
        case: what to train on.
        product: the number type of products.
        membrane: the number type of the neurons' loop.
        launch: how a step is launched.
    """
    weights, neuron, weighting = Weights(case), numbers(case), kernel(case)
    x = case.x.to(product, copy=True)

    def forward() -> tuple[Tensor | None, list[Spikes]]:
        below, spikes = x, list[Spikes]()
        for weight, within in zip(weights.hidden, weights.within, strict=True):
            rounded = None if within is None else within.to(product)
            below = neurons(fold(below, weight).to(membrane), rounded, neuron).to(product)
            spikes.append(below)
        return read(below, weights.readout, weighting), spikes

    return train(case, weights, forward, launch)
