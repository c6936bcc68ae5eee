"""Plain torch, as good as a competent user writes it: what the sparse engine is measured against.

Every variant has the problem's weights, inputs, neurons and loss, a surrogate without a window, and torch's own
autograd and fused Adam. They differ in where the loop over time stands and in number types.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter, ParameterList

from spikeloom.bench.cases import Workload

if TYPE_CHECKING:
    from spikeloom.bench.problem import Problem


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


def fire(membrane: Tensor, workload: Workload) -> Tensor:
    """The spikes, 0 or 1, of neurons with these membranes."""
    spikes: Tensor = Fire.apply(membrane - workload.threshold, workload.slope)  # type: ignore[no-untyped-call]
    return spikes


def advance(membrane: Tensor, spike: Tensor, current: Tensor, beta: float) -> Tensor:
    """`U[t] = beta U[t-1] (1 - S[t-1]) + current`, no gradient through the reset; all `[B, N]`."""
    return torch.addcmul(current, membrane, 1 - spike.detach(), value=beta)


class DenseNet(torch.nn.Module):
    """The problem's network in plain torch.

    Args:
        problem: weights and parameters.
    """

    def __init__(self, problem: "Problem") -> None:
        super().__init__()
        self.workload = problem.workload
        self.weights = ParameterList([Parameter(layer.weight.clone()) for layer in problem.layers])
        within = [layer.recurrent for layer in problem.layers if layer.recurrent is not None]
        self.recurrent = ParameterList([Parameter(v.clone()) for v in within])
        self.readout = Parameter(problem.readout.clone())

    def feedback(self, dtype: torch.dtype = torch.float32) -> list[Tensor | None]:
        """The recurrent weights of each layer, or None where there are none."""
        return [v.to(dtype) for v in self.recurrent] if len(self.recurrent) else [None] * len(self.weights)


Forward = Callable[[DenseNet, Tensor], tuple[Tensor, list[list[Tensor]]]]
"""From inputs `[T, B, I]` to the outputs `[T, B, C]` and each hidden layer's spikes, in any number of tensors."""


def per_step(net: DenseNet, x: Tensor) -> tuple[Tensor, list[list[Tensor]]]:
    """One loop over time around all layers: products of `[B, I]`, as most libraries do it."""
    workload, feedback = net.workload, net.feedback()
    beta, gain = workload.beta, workload.gain
    membranes = [x.new_zeros(x.shape[1], len(w)) for w in net.weights]
    spikes: list[list[Tensor]] = [[] for _ in net.weights]
    output, outputs = x.new_zeros(x.shape[1], len(net.readout)), []
    for below in x.unbind(0):
        for i, (weight, within) in enumerate(zip(net.weights, feedback, strict=True)):
            before = spikes[i][-1] if spikes[i] else torch.zeros_like(membranes[i])
            current = gain * F.linear(below, weight)  # [B, N]
            if within is not None:
                current = current + gain * F.linear(before, within)
            membranes[i] = advance(membranes[i], before, current, beta)
            below = fire(membranes[i], workload)
            spikes[i].append(below)
        output = workload.readout_beta * output + gain * F.linear(below, net.readout)
        outputs.append(output)
    return torch.stack(outputs), spikes


def folded(
    net: DenseNet, x: Tensor, *, product: torch.dtype, membrane: torch.dtype
) -> tuple[Tensor, list[list[Tensor]]]:
    """One product over `[T * B, I]` a layer, then a loop over time for its neurons.

    Args:
        net: the network.
        x: inputs `[T, B, I]`.
        product: the number type of products.
        membrane: the number type of the neurons' loop.
    """
    workload, spikes = net.workload, []
    for weight, within in zip(net.weights, net.feedback(product), strict=True):
        x = _neurons(_currents(x, weight, workload.gain, product).to(membrane), within, workload)
        spikes.append([x])
    currents = _currents(x, net.readout, workload.gain, product).float()
    output, outputs = torch.zeros_like(currents[0]), []
    for current in currents.unbind(0):
        output = workload.readout_beta * output + current
        outputs.append(output)
    return torch.stack(outputs), spikes


def _currents(x: Tensor, weight: Tensor, gain: float, dtype: torch.dtype) -> Tensor:
    """`gain W x[t]` for all t, `[T, B, N]`."""
    return gain * F.linear(x.to(dtype).flatten(0, 1), weight.to(dtype)).view(*x.shape[:2], -1)


def _neurons(currents: Tensor, within: Tensor | None, workload: Workload) -> Tensor:
    """Spikes `[T, B, N]`, in the number type of the currents."""
    membrane = spike = torch.zeros_like(currents[0])
    spikes = []
    for current in currents.unbind(0):
        if within is not None:
            current = current + workload.gain * F.linear(spike.to(within.dtype), within).to(current.dtype)
        membrane = advance(membrane, spike, current, workload.beta)
        spike = fire(membrane, workload)
        spikes.append(spike)
    return torch.stack(spikes)


VARIANTS: dict[str, Forward] = {
    "per_step_fp32": per_step,
    "folded_fp32": partial(folded, product=torch.float32, membrane=torch.float32),
    "folded_bf16": partial(folded, product=torch.bfloat16, membrane=torch.float32),
    "folded_bf16_membrane_bf16": partial(folded, product=torch.bfloat16, membrane=torch.bfloat16),
}
