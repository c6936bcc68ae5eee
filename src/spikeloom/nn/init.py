"""Weights to start from."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from spikeloom.checks import require
from spikeloom.nn.blocked import Blocked
from spikeloom.nn.cap import uncapped
from spikeloom.spikes import Spikes


@torch.no_grad()
def uniform_(layer: Blocked, gain: float = 2.0) -> None:
    """Draw each weight matrix from the uniform distribution on ± gain sqrt(6 / inputs), and set the bias to zero.

    Args:
        layer: whose weights to draw.
        gain: the paper takes 2 (Finkbeiner et al. 2024).
    """
    for name, inputs in layer._layouts().items():
        bound = gain * math.sqrt(6 / inputs)
        layer._load(name, torch.empty(layer.out_features, inputs).uniform_(-bound, bound))
    if layer.bias is not None:
        layer.bias.zero_()


@torch.no_grad()
def scale_to_activity_(net: nn.Module, x: Spikes | Tensor, target: float, *, rounds: int = 12) -> list[float]:
    """Scale the weights of each spiking layer in turn, so that `target` of its neurons spike in a step of this batch.

    Args:
        net: a `Sequential`.
        x: a first batch.
        target: the wanted activity, above 0 and below 1.
        rounds: how often the interval that holds the factor is halved, after it has been found.

    Returns:
        The activity that each spiking layer reached.

    Raises:
        InputError: no factor from 2^-12 to 2^12 reaches half of the target: the input is too quiet.
    """
    require(0 < target < 1, "target", "a number above 0 and below 1", target)
    # Dropout aside: in evaluation a layer hears all its inputs at the strength that they have in training on average.
    training = net.training
    net.eval()
    try:
        return _scale_layers(net, x, target, rounds)
    finally:
        net.train(training)


def _scale_layers(net: nn.Module, x: Spikes | Tensor, target: float, rounds: int) -> list[float]:
    reached = []
    for number, layer in enumerate(net):  # type: ignore[arg-type, var-annotated]
        if not hasattr(layer, "last_activity"):
            break
        # Neurons spike whatever a cap lets out, and what is measured is what leaves.
        with uncapped(layer):
            _scale_layer(layer, x, target, rounds)
        reached.append(layer.last_activity)
        x, _ = layer(x)
        remedy = "its input is too sparse: lower initial_activity, make steps longer (dt_ms), or raise beta"
        wanted = f"an activity of {target:.2%}"
        require(reached[-1] > target / 2, f"layer {number + 1}", wanted, f"{reached[-1]:.2%}", remedy)
    return reached


def _scale_layer(layer: Any, x: Spikes | Tensor, target: float, rounds: int) -> None:
    low, high = -12.0, 12.0
    scale = 0.0
    for _ in range(rounds + 4):
        middle = (low + high) / 2
        _scale(layer, 2 ** (middle - scale))
        scale = middle
        layer(x)
        low, high = (middle, high) if layer.last_activity < target else (low, middle)
    layer(x)


def _scale(layer: Blocked, factor: float) -> None:
    for name in layer._layouts():
        getattr(layer, name).mul_(factor)
