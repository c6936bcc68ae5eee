"""Membranes over time, from the reference: the neurons' own functions in plain torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spikeloom import reference
from spikeloom.checks import require
from spikeloom.nn import Spiking
from spikeloom.nn.delay import delayed
from spikeloom.show.passes import Flow
from spikeloom.spikes import Spikes


@dataclass(frozen=True)
class Trace:
    """A neuron over the steps of a sample.

    Args:
        neuron: which of its layer.
        membrane: `[T]`, before a reset.
        spikes: `[T]`, where it spiked.
        threshold: of the membrane.
        second_threshold: the lower edge of the gradient window; -inf where there is none.
    """

    neuron: int
    membrane: Float[np.ndarray, "T"]
    spikes: Bool[np.ndarray, "T"]
    threshold: float
    second_threshold: float


@torch.no_grad()
def membranes(flow: Flow) -> Float[Tensor, "T N"]:
    """The membranes of a spiking layer over the steps of a sample, before their reset.

    Args:
        flow: the layer at work on one sample.
    """
    layer = flow.layer
    assert isinstance(layer, Spiking)
    heard, _ = delayed(flow.x, None, steps=layer.delay)
    x = heard.dense() if isinstance(heard, Spikes) else heard
    weight, bias = layer.weight_matrix().cpu(), None if layer.bias is None else layer.bias.detach().cpu()
    settings: dict[str, Any] = {
        "neuron": layer.neuron,
        "parameters": tuple(layer.value(name).cpu().expand(len(weight)) for name in layer.neuron.names),
        "depth": (layer.second_threshold - layer.threshold).cpu().expand(len(weight)),
        "surrogate": layer.surrogate,
    }
    if layer.recurrent_weight is None:
        _, _, margin, _ = reference.feedforward(x, weight, bias, **settings)
    else:
        _, _, margin, _ = reference.recurrent(x, weight, layer.recurrent_matrix().cpu(), bias, **settings)
    membrane: Tensor = margin[:, 0] + layer.threshold.cpu()
    return membrane


def traces(flow: Flow, neurons: Sequence[int] | None = None) -> list[Trace]:
    """Neurons of a spiking layer over the steps of a sample.

    Args:
        flow: the layer at work on one sample.
        neurons: which ones, those beyond the layer are left out; None: the busiest, one in the middle of those that
            spiked, and of those that did not the one that came nearest to its threshold.
    """
    layer, own = flow.layer, flow.own
    assert isinstance(layer, Spiking)
    assert own is not None
    membrane, spiked = membranes(flow), own.dense()[:, 0] != 0  # [T, N]
    size = own.neurons
    threshold = layer.threshold.cpu()
    chosen = _telling(membrane, spiked, threshold) if neurons is None else [n for n in neurons if n < size]
    high, low = threshold.expand(size), layer.second_threshold.cpu().expand(size)
    return [Trace(n, membrane[:, n].numpy(), spiked[:, n].numpy(), float(high[n]), float(low[n])) for n in chosen]


def check_neurons(neurons: Sequence[int], largest: int) -> None:
    """Raise unless a layer has each of these neurons.

    Raises:
        InputError: a number below 0, or beyond the largest hidden layer.
    """
    for neuron in neurons:
        require(0 <= neuron < largest, "--neurons", f"numbers from 0 to {largest - 1}, neurons of a layer", neuron)


def _telling(membrane: Tensor, spiked: Tensor, threshold: Tensor) -> list[int]:
    count = spiked.sum(0)  # [N]
    order = count.argsort(descending=True, stable=True)
    firing = int((count > 0).sum())
    chosen = [int(order[0]), int(order[firing // 2])] if firing > 1 else [int(order[0])]
    silent = torch.where(count > 0, -torch.inf, (membrane - threshold).amax(0))
    if firing < len(count):
        chosen.append(int(silent.argmax()))
    return list(dict.fromkeys(chosen))
