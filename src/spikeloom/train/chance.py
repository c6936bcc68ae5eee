"""torch's random numbers, those of the CPU and those of the GPU that a run is on: kept, given back, or fixed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor


class Chance(NamedTuple):
    """The state of torch's random numbers; both tensors lie on the CPU.

    Args:
        cpu: of those of the CPU.
        gpu: of those of a GPU; None where a run has none.
    """

    cpu: Tensor
    gpu: Tensor | None


def take(device: torch.device) -> Chance:
    """The state now.

    Args:
        device: where a run computes, with its number.
    """
    # A GPU's generator keeps its state on the CPU: nothing is waited for.
    return Chance(torch.get_rng_state(), _of_gpu(device).get_state() if device.type == "cuda" else None)


def give_back(chance: Chance, device: torch.device) -> None:
    """Draw from now on what followed on that state; what it does not tell of is left as it is."""
    torch.set_rng_state(chance.cpu)
    if device.type == "cuda" and chance.gpu is not None:
        _of_gpu(device).set_state(chance.gpu)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """While open, random numbers are those of a seed; those drawn afterwards are as if nothing had been."""
    before = take(device)
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        _of_gpu(device).manual_seed(seed)
    try:
        yield
    finally:
        give_back(before, device)


@contextmanager
def fixed_chance(device: torch.device) -> Iterator[None]:
    """While open, random numbers are the same each time: a cap on activity drops the same ids from the same spikes."""
    with seeded(0, device):
        yield


def _of_gpu(device: torch.device) -> torch.Generator:
    return torch.cuda.default_generators[device.index]
