"""SpikingJelly: `LIFNode` over all steps at once, with an input that does not decay and the reset without gradient.

Its SuperSpike a / (1 + |x|)^2 has no slope: membranes are larger by the case's slope k, and a = 1 / k, which gives the
same gradients. Recurrent layers run the same node step by step.

On a GPU the library itself takes the fastest of its implementations that are there: CUDA C++ where it was installed
with that, else Triton. With products in bfloat16 these want float32 membranes, which `LIFNode` does not give them: so
there its function for all steps is called, with a state of that type.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.case import Built, Case
from benchmarks.peers._training import EAGER, Launch, Spikes, Weights, fold, kernel, read, train

NAME = "spikingjelly"
PACKAGES = ("spikingjelly", "torch")
NUMBER_TYPE = "fp32"
NOTE = ""


def supports(case: Case) -> str | None:
    """None, or why a case is out of reach."""
    return None if 0 < case.beta < 1 else "it takes time constants above 1 step, and no infinite ones"


def build(case: Case, *, dtype: torch.dtype = torch.float32, launch: Launch = EAGER) -> Built:
    """The case, ready to run."""
    from spikingjelly.activation_based import functional

    weights, weighting = Weights(case, factor=case.slope), kernel(case)
    layers = [_node(case, step_mode="m" if within is None else "s") for within in case.recurrent]
    on_gpu = case.device.type == "cuda"
    at_once = [float32_states(layer) if on_gpu and dtype != torch.float32 else layer for layer in layers]
    x = case.x.to(dtype, copy=True)

    def forward() -> tuple[Tensor | None, list[Spikes]]:
        below, spikes = x, list[Spikes]()
        for layer, all_steps, weight, within in zip(layers, at_once, weights.hidden, weights.within, strict=True):
            functional.reset_net(layer)
            currents = fold(below, weight)
            below = all_steps(currents) if within is None else _recurrent(layer, currents, within.to(dtype))
            spikes.append(below)
        return read(below, weights.readout, weighting), spikes

    return replace(train(case, weights, forward, launch), note=_note(case, dtype))


def _note(case: Case, dtype: torch.dtype) -> str:
    """What runs the layers that it computes at once."""
    from spikingjelly.activation_based import functional

    if all(within is not None for within in case.recurrent):
        return ""
    if case.device.type == "cpu":
        return "" if dtype == torch.float32 else "membranes of feed-forward layers in the number type of products"
    chosen = functional.neuron_implementation("lif", case.device)["implementation"]
    return f"feed-forward layers by its implementation in {chosen}"


def _node(case: Case, *, step_mode: str) -> torch.nn.Module:
    from spikingjelly.activation_based import neuron, surrogate

    made: torch.nn.Module = neuron.LIFNode(
        tau=1 / (1 - case.beta),
        decay_input=False,
        v_threshold=case.slope * case.threshold,
        v_reset=0.0,
        surrogate_function=surrogate.SuperSpike(alpha=1 / case.slope),
        detach_reset=True,
        step_mode=step_mode,
    )
    return made


def float32_states(node: Any) -> Callable[[Tensor], Tensor]:
    """What a node computes of all steps, with membranes in float32 whatever the number type of its currents."""
    from spikingjelly.activation_based import functional

    run = partial(
        functional.lif_multi_step,
        tau=node.tau,
        decay_input=node.decay_input,
        v_threshold=node.v_threshold,
        v_reset=node.v_reset,
        surrogate_function=node.surrogate_function,
        detach_reset=node.detach_reset,
    )

    def all_steps(currents: Tensor) -> Tensor:
        spikes: Tensor = run(currents, torch.zeros_like(currents[0], dtype=torch.float32))[0]
        return spikes

    return all_steps


def _recurrent(layer: torch.nn.Module, currents: Tensor, within: Tensor) -> Tensor:
    """Spikes `[T, B, N]` of a layer that works step by step, in the number type of its currents `[T, B, N]`."""
    spikes = [torch.zeros_like(currents[0])]
    for current in currents.float().unbind(0):
        total = current + F.linear(spikes[-1], within).float()
        spikes.append(layer(total).to(currents.dtype))
    return torch.stack(spikes[1:])
