"""What adapters of torch libraries share that give a neuron's step: products over all steps, then a loop over time.

Where the loop is compiled it is some steps at a time: all at once compile for minutes.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.case import Built, Case
from benchmarks.peers._training import Spikes, Weights, fold, kernel, read, train

Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From the currents of a step and the membranes before it to the spikes and the membranes after it, all `[B, N]`."""

STEPS = 10
"""How many steps are compiled together."""


def build(
    case: Case,
    steps: Sequence[Step],
    *,
    factor: float = 1.0,
    dtype: torch.dtype = torch.float32,
    compiled: bool = False,
) -> Built:
    """A library's neurons behind torch's products.

    Args:
        case: what to train on.
        steps: of each layer, the library's.
        factor: what multiplies the weights, where the library's membranes have another scale.
        dtype: the number type of products; membranes are float32.
        compiled: whether torch compiles the loop, `STEPS` at a time.
    """
    weights, weighting = Weights(case, factor=factor), kernel(case)
    x = case.x.to(dtype, copy=True)
    neurons = _compiled_neurons if compiled else _neurons

    def forward() -> tuple[Tensor | None, list[Spikes]]:
        below, spikes = x, list[Spikes]()
        for step, weight, within in zip(steps, weights.hidden, weights.within, strict=True):
            below = neurons(step, fold(below, weight).float(), None if within is None else within.to(dtype)).to(dtype)
            spikes.append(below)
        return read(below, weights.readout, weighting), spikes

    return train(case, weights, forward)


def _neurons(step: Step, currents: Tensor, within: Tensor | None) -> Tensor:
    """Spikes `[T, B, N]`."""
    start = torch.zeros_like(currents[0])
    return torch.stack(_run(step, currents, start, start, within)[0])


def _compiled_neurons(step: Step, currents: Tensor, within: Tensor | None) -> Tensor:
    """Spikes `[T, B, N]`."""
    run = _compiled_run()
    membrane = spike = torch.zeros_like(currents[0])
    spikes = list[Tensor]()
    for part in currents.split(STEPS):
        some, membrane = run(step, part, membrane, spike, within)
        spike = some[-1]
        spikes += some
    return torch.stack(spikes)


@cache
def _compiled_run() -> Any:
    import torch._dynamo

    # The limit of 8 is for all shapes of all layers together.
    torch._dynamo.config.recompile_limit = 64
    return torch.compile(_run, dynamic=False)


def _run(
    step: Step, currents: Tensor, membrane: Tensor, spike: Tensor, within: Tensor | None
) -> tuple[list[Tensor], Tensor]:
    """The spikes of each step, and the membranes after the last."""
    spikes = []
    for current in currents.unbind(0):
        if within is not None:
            current = current + F.linear(spike.to(within.dtype), within).float()
        spike, membrane = step(current, membrane)
        spikes.append(spike)
    return spikes, membrane
