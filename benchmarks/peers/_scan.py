"""A layer of neurons through a few steps at a time, forward and backward, each fused by torch.compile into one kernel.

What is written goes into slices that the caller gives: a tensor for each step, so that no step is written twice.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch._dynamo
from torch import Tensor

from benchmarks.peers._training import Numbers

STEPS = 10
"""How many steps a kernel takes: fewer are more calls, and from 20 on the compiler splits the kernel and gets slow."""

# The limit of 8 is for all shapes of all layers together.
torch._dynamo.config.recompile_limit = 64


def forward(currents: Tensor, membranes: Tensor, spikes: Tensor, neuron: Numbers) -> None:
    """Run neurons: `U[t] = beta U[t-1] (1 - S[t-1]) + I[t]`, and S[t] = 1 where `U[t] >= threshold`.

    Args:
        currents: `[T, ...]`.
        membranes: to be written, `[T, ...]` float32.
        spikes: to be written, `[T, ...]`.
        neuron: their numbers.
    """
    membrane = torch.zeros_like(membranes[0])
    into, currents_, spikes_ = membranes.unbind(0), currents.unbind(0), spikes.unbind(0)
    for start in range(0, len(into), STEPS):
        part = slice(start, start + STEPS)
        step_forward(currents_[part], membrane, into[part], spikes_[part], neuron)
        membrane = into[part][-1]


def backward(outside: Tensor, membranes: Tensor, inside: Tensor, neuron: Numbers) -> None:
    """`lam[t] = g[t] / (slope |U[t] - threshold| + 1)^2 + beta (1 - S[t]) lam[t+1]`.

    Args:
        outside: g, `[T, ...]`: the gradient by spikes.
        membranes: U, `[T, ...]` float32.
        inside: lam, to be written, `[T, ...]`: the gradient by currents.
        neuron: the neurons' numbers.
    """
    later = torch.zeros_like(membranes[0])
    outside_, membranes_, into = outside.unbind(0), membranes.unbind(0), inside.unbind(0)
    for end in range(len(into), 0, -STEPS):
        part = slice(max(end - STEPS, 0), end)
        later = step_backward(outside_[part], membranes_[part], later, into[part], neuron)


def step_forward(
    currents: Sequence[Tensor], membrane: Tensor, membranes: Sequence[Tensor], spikes: Sequence[Tensor], neuron: Numbers
) -> None:
    """`forward` through the steps that are given, from the membrane before them."""
    _fused_forward(currents, membrane, membranes, spikes, neuron.beta, neuron.threshold)


def step_backward(
    outside: Sequence[Tensor], membranes: Sequence[Tensor], later: Tensor, inside: Sequence[Tensor], neuron: Numbers
) -> Tensor:
    """`backward` through the steps that are given, from lam after them; returns lam of the first, in float32."""
    first: Tensor = _fused_backward(outside, membranes, later, inside, neuron.beta, neuron.threshold, neuron.slope)
    return first


@torch.compile(dynamic=False)
def _fused_forward(currents: Any, membrane: Any, membranes: Any, spikes: Any, beta: float, threshold: float) -> None:
    for current, into, spike in zip(currents, membranes, spikes, strict=True):
        membrane = torch.where(membrane < threshold, membrane, 0.0) * beta + current.float()
        into.copy_(membrane)
        # A comparison that is copied as it is keeps the compiler from using vectors.
        spike.copy_(torch.where(membrane >= threshold, 1.0, 0.0))


@torch.compile(dynamic=False)
def _fused_backward(
    outside: Any, membranes: Any, later: Any, inside: Any, beta: float, threshold: float, slope: float
) -> Any:
    for i in reversed(range(len(membranes))):
        membrane = membranes[i]
        distance = slope * (membrane - threshold).abs() + 1
        later = outside[i].float() / (distance * distance) + torch.where(membrane < threshold, later, 0.0) * beta
        inside[i].copy_(later)
    return later
