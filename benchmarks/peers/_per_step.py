"""Plain torch with one loop over time around all layers, in which a step of time can be compiled by itself.

A loop over 100 steps compiles for minutes; one step compiles once, and is called again and again.
"""

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.case import Built, Case
from benchmarks.peers._torch import advance
from benchmarks.peers._training import EAGER, Launch, Numbers, Spikes, Weights, numbers, train

NO_CPU = "it is compared on GPUs alone"
"""Why adapters of this kind have no rows on CPUs, where products over all steps are what competent users write."""


def build(case: Case, *, dtype: torch.dtype, compiled: bool, launch: Launch = EAGER) -> Built:
    """The case, ready to run.

    Args:
        case: what to train on.
        dtype: the number type of products, to which weights are rounded once a step; membranes are float32.
        compiled: whether torch compiles a step of time, with its gradient.
        launch: how a step is launched.
    """
    weights, neuron, decay = Weights(case), numbers(case), case.readout_beta
    x = case.x.to(dtype, copy=True)
    one_step = _compiled_step() if compiled else _one_step

    def forward() -> tuple[Tensor | None, list[Spikes]]:
        hidden = [w.to(dtype) for w in weights.hidden]
        within = [None if v is None else v.to(dtype) for v in weights.within]
        readout = None if weights.readout is None else weights.readout.to(dtype)
        states = [x.new_zeros(x.shape[1], len(w), dtype=torch.float32) for w in hidden]
        before, spikes = list(states), [list[Tensor]() for _ in states]
        output = None if readout is None else x.new_zeros(x.shape[1], len(readout), dtype=torch.float32)
        summed = output
        for below in x.unbind(0):
            states, before, output = one_step(below, states, before, output, hidden, within, readout, neuron, decay)
            for layer, fired in zip(spikes, before, strict=True):
                layer.append(fired)
            if summed is not None and output is not None:
                summed = summed + output
        return summed, list[Spikes](spikes)

    return train(case, weights, forward, launch)


@cache
def _compiled_step() -> Any:
    import torch._dynamo

    torch._dynamo.config.recompile_limit = 64
    return torch.compile(_one_step, dynamic=False)


def _one_step(
    below: Tensor,
    states: list[Tensor],
    before: list[Tensor],
    output: Tensor | None,
    hidden: list[Tensor],
    within: list[Tensor | None],
    readout: Tensor | None,
    neuron: Numbers,
    decay: float,
) -> tuple[list[Tensor], list[Tensor], Tensor | None]:
    """From the input `[B, I]`, membranes and spikes `[B, N]` of all layers and the readout's membrane to the next."""
    after, fired = [], []
    for state, spike, weight, inner in zip(states, before, hidden, within, strict=True):
        current = F.linear(below, weight).float()
        if inner is not None:
            current = current + F.linear(spike.to(inner.dtype), inner).float()
        membrane, spiked = advance(state, spike, current, neuron)
        after.append(membrane)
        fired.append(spiked)
        below = spiked.to(weight.dtype)
    if readout is not None and output is not None:
        # Of `torch.add` with an alpha the compiler makes a sum without it where it fuses that with the product.
        output = decay * output + F.linear(below, readout).float()
    return after, fired, output
