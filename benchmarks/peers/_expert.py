"""The strongest dense plain torch that we know how to write: a whole layer as one autograd function.

Activities are `[N, T * B]`, neurons first: then all products, those for gradients by weights too, read and write rows.
Buffers live from step to step, the neurons' loop is fused by torch.compile, and nothing is computed that no one needs.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from benchmarks.case import Built, Case
from benchmarks.peers import _scan
from benchmarks.peers._training import EAGER, Launch, Numbers, Spikes, Weights, kernel, numbers, train


class Layer:
    """Buffers and numbers of a layer.

    Args:
        neurons: N.
        steps: T.
        batch: B.
        neuron: its numbers.
        like: a tensor of the number type of products, on the device.
    """

    def __init__(self, neurons: int, steps: int, batch: int, neuron: Numbers, like: Tensor) -> None:
        self.neuron, self.dtype = neuron, like.dtype
        shape = (neurons, steps, batch)
        self.currents, self.spikes = like.new_empty(shape), like.new_empty(shape)
        self.membranes = like.new_empty(shape, dtype=torch.float32)

    def run(self, within: Tensor | None) -> None:
        """From `currents` to `membranes` and `spikes`; recurrent currents are added in place."""
        currents, membranes, spikes = (_by_time(x) for x in (self.currents, self.membranes, self.spikes))
        if within is None:
            _scan.forward(currents, membranes, spikes, self.neuron)
            return
        before = torch.zeros_like(membranes[0])
        for t in range(len(currents)):
            current = currents[t] if t == 0 else torch.addmm(currents[t], within, spikes[t - 1])
            _scan.step_forward([current], before, [membranes[t]], [spikes[t]], self.neuron)
            before = membranes[t]

    def run_back(self, outside: Tensor, within: Tensor | None) -> Tensor:
        """From the gradient by spikes to that by currents, both `[N, T, B]`; it takes the place of the currents."""
        gradient, membranes, inside = (_by_time(x) for x in (outside, self.membranes, self.currents))
        if within is None:
            _scan.backward(gradient, membranes, inside, self.neuron)
            return self.currents
        later, back = torch.zeros_like(membranes[0]), within.t().contiguous()
        for t in reversed(range(len(membranes))):
            total = gradient[t] if t + 1 == len(membranes) else torch.addmm(gradient[t], back, inside[t + 1])
            later = _scan.step_backward([total], [membranes[t]], later, [inside[t]], self.neuron)
        return self.currents


def _by_time(x: Tensor) -> Tensor:
    return x.transpose(0, 1)


class Run(torch.autograd.Function):
    """A layer's spikes `[N, T * B]` from weights `[N, I]`, recurrent ones or None, and what is below `[I, T * B]`."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, within: Tensor | None, below: Tensor, layer: Layer) -> Tensor:
        ctx.layer, ctx.below = layer, below
        ctx.weight = weight.to(layer.dtype)
        ctx.within = None if within is None else within.to(layer.dtype)
        torch.mm(ctx.weight, below, out=layer.currents.flatten(1))
        layer.run(ctx.within)
        return layer.spikes.flatten(1)

    @staticmethod
    def backward(ctx: Any, outside: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, None]:
        layer: Layer = ctx.layer
        batch = layer.spikes.shape[2]
        inside = layer.run_back(outside.unflatten(1, layer.spikes.shape[1:]), ctx.within).flatten(1)
        by_below = ctx.weight.t().contiguous() @ inside if ctx.needs_input_grad[2] else None
        by_within = None
        if ctx.within is not None:
            by_within = (inside[:, batch:] @ layer.spikes.flatten(1)[:, :-batch].t()).float()
        return (inside @ ctx.below.t()).float(), by_within, by_below, None


def build(case: Case, *, dtype: torch.dtype, launch: Launch = EAGER) -> Built:
    """The case, ready to run.

    Args:
        case: what to train on.
        dtype: the number type of products; membranes are float32.
        launch: how a step is launched.
    """
    weights, neuron, weighting = Weights(case), numbers(case), kernel(case)
    steps, batch, _ = case.x.shape
    x = case.x.to(dtype, copy=True).flatten(0, 1).t()  # [I, T * B], rows of T * B in memory
    layers = [Layer(len(w), steps, batch, neuron, x) for w in case.weights]

    def forward() -> tuple[Tensor | None, list[Spikes]]:
        below, spikes = x, list[Spikes]()
        for weight, within, layer in zip(weights.hidden, weights.within, layers, strict=True):
            below = Run.apply(weight, within, below, layer)  # type: ignore[no-untyped-call]
            spikes.append(below)
        return _read(below, weights.readout, weighting, batch), spikes

    return train(case, weights, forward, launch)


def _read(spikes: Tensor, readout: Parameter | None, weighting: Tensor, batch: int) -> Tensor | None:
    """The readout's sum over all steps `[B, C]`."""
    if readout is None:
        return None
    currents = F.linear(readout.to(spikes.dtype), spikes.t()).unflatten(1, (-1, batch))  # [C, T, B]
    return torch.einsum("t,ctb->bc", weighting, currents.float())
