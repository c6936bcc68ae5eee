"""Finding what is not a number, at the step where it arises."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from spikeloom.checks import InputError
from spikeloom.nn import Sequential


def is_finite(values: Tensor) -> bool:
    """Whether no element is NaN or infinite."""
    # One pass without a mask: a sum of finite numbers is finite unless they are huge, so only then look at each.
    return bool(torch.isfinite(values.sum())) or bool(torch.isfinite(values).all())


@torch.no_grad()
def check(named: Iterable[tuple[str, Tensor]], at: str, remedy: str = "lower learning_rate or gain") -> None:
    """Raise if one of these tensors holds a number that is not finite.

    Args:
        named: tensors by the name of their layer and what they are of it, as in "layer 1: weight".
        at: where this is, as in "epoch 1, step 3".
        remedy: what to do about it.

    Raises:
        InputError: naming the first such tensor.
    """
    for name, values in named:
        if not is_finite(values):
            bad = values[~torch.isfinite(values)]
            got = f"{bad[0].item()} in {bad.numel()} of {values.numel()} at {at}"
            raise InputError(f"{name}: expected finite numbers, got {got}; {remedy}")


def parameters(network: Sequential) -> Iterable[tuple[str, Tensor]]:
    """The parameters of a network, each by its layer and its own name.

    The last layer comes first: what is not finite in one layer's gradient spreads to the layers before it.
    """
    for layer in reversed(list(network)):
        for name, parameter in layer.named_parameters():
            yield f"{layer.label}: {name}", parameter


def gradients(network: Sequential) -> Iterable[tuple[str, Tensor]]:
    """The gradients of a network, each by its layer and its parameter's name; the last layer comes first."""
    for layer in reversed(list(network)):
        for name, parameter in layer.named_parameters():
            if parameter.grad is not None:
                yield f"{layer.label}: gradient by {name}", parameter.grad


@contextmanager
def at(place: str) -> Iterator[None]:
    """While open, errors about input say where they arose.

    Args:
        place: as in "epoch 1, step 3".
    """
    try:
        yield
    except InputError as error:
        if place in str(error):
            raise
        raise InputError(f"{error}; at {place}") from error
