"""Finding what is not a number, at the step where it arises."""

from collections.abc import Iterable

import torch
from torch import Tensor

from spikeloom.checks import InputError
from spikeloom.nn import Sequential

REMEDY = "lower learning_rate or gain"


def is_finite(values: Tensor) -> bool:
    """Whether no element is NaN or infinite."""
    # One pass without a mask: a sum of finite numbers is finite unless they are huge, so only then look at each.
    return bool(torch.isfinite(values.sum())) or bool(torch.isfinite(values).all())


def check(named: Iterable[tuple[str, Tensor | None]], at: str) -> None:
    """Raise if one of these tensors holds a number that is not finite.

    Args:
        named: tensors by the name of their layer and what they are of it, as in "layer 1: weight".
        at: where in the run this is, as it reads after "at".

    Raises:
        InputError: naming the first such tensor.
    """
    for name, values in named:
        if values is not None and not is_finite(values.detach()):
            bad = values.detach()[~torch.isfinite(values.detach())].flatten()
            raise InputError(
                f"{name}: expected finite numbers, got {bad[0].item()} in {bad.numel()} of {values.numel()} at {at}; "
                + REMEDY
            )


def parameters(network: Sequential) -> Iterable[tuple[str, Tensor]]:
    """The parameters of a network, each by its layer and its own name."""
    for layer in network:
        for name, parameter in layer.named_parameters():
            yield f"{layer.label}: {name}", parameter


def gradients(network: Sequential) -> Iterable[tuple[str, Tensor | None]]:
    """The gradients of the same."""
    for name, parameter in parameters(network):
        yield f"{name} gradient", parameter.grad
