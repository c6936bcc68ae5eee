"""Plain torch with one loop over time around all layers, in which a step of time can be compiled by itself.

A loop over 100 steps compiles for minutes; one step compiles once, and is called again and again.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from spikeloom.bench.cases import Workload
from spikeloom.bench.torch_dense import DenseNet, advance, fire

OneStep = Callable[..., tuple[list[Tensor], list[Tensor], Tensor]]


def step_of(workload: Workload, *, compiled: bool) -> OneStep:
    """A step of time of all layers: from input, states and weights to membranes, spikes and the readout's membrane.

    Args:
        workload: the neurons' numbers.
        compiled: whether torch compiles it, with its gradient.
    """
    beta, gain, readout_beta = workload.beta, workload.gain, workload.readout_beta

    def one_step(
        below: Tensor,
        membranes: list[Tensor],
        spikes: list[Tensor],
        output: Tensor,
        weights: list[Tensor],
        within: list[Tensor | None],
        readout: Tensor,
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        after, fired = [], []
        for membrane, spike, weight, inner in zip(membranes, spikes, weights, within, strict=True):
            current = gain * F.linear(below, weight).float()  # [B, N]
            if inner is not None:
                current = current + gain * F.linear(spike.to(inner.dtype), inner).float()
            after.append(advance(membrane, spike, current, beta))
            fired.append(fire(after[-1], workload))
            below = fired[-1].to(weight.dtype)
        return after, fired, readout_beta * output + gain * F.linear(below, readout).float()

    if not compiled:
        return one_step
    import torch._dynamo

    # The limit of 8 is for all ways together; beyond it torch would go on uncompiled, and only warn.
    torch._dynamo.config.recompile_limit = 64
    made: Any = torch.compile(one_step, dynamic=False)
    return made  # type: ignore[no-any-return]


def run(net: DenseNet, x: Tensor, one_step: OneStep, *, product: torch.dtype) -> tuple[Tensor, list[list[Tensor]]]:
    """All steps of time.

    Args:
        net: the network.
        x: `[T, B, I]` in the number type of products.
        one_step: from `step_of`.
        product: that number type; weights are rounded once for all steps.

    Returns:
        The readout's outputs `[T, B, C]` and each hidden layer's spikes by step.
    """
    weights = [w.to(product) for w in net.weights]
    within, readout = net.feedback(product), net.readout.to(product)
    membranes = [x.new_zeros(x.shape[1], len(w), dtype=torch.float32) for w in weights]
    spikes, output = list(membranes), x.new_zeros(x.shape[1], len(readout), dtype=torch.float32)
    outputs, all_spikes = [], [list[Tensor]() for _ in weights]
    for below in x.unbind(0):
        membranes, spikes, output = one_step(below, membranes, spikes, output, weights, within, readout)
        outputs.append(output)
        for layer, fired in zip(all_spikes, spikes, strict=True):
            layer.append(fired)
    return torch.stack(outputs), all_spikes
