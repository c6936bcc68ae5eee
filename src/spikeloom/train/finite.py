"""Finding what is not a number, at the step where it arises."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from spikeloom.checks import InputError

REMEDY = "lower learning_rate or gain"


def is_finite(values: Tensor) -> bool:
    """Whether no element is NaN or infinite."""
    # One pass without a mask: a sum of finite numbers is finite unless they are huge, so only then look at each.
    return bool(torch.isfinite(values.sum())) or bool(torch.isfinite(values).all())


def check(named: Iterable[tuple[str, Tensor | None]], at: str) -> None:
    """Raise if one of these tensors holds a number that is not finite.

    Args:
        named: tensors by the name of their layer and what they are of it, as in "layer 1 weight".
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


def parameters(network: nn.Module, names: dict[str, str]) -> Iterable[tuple[str, Tensor]]:
    """A network's parameters, named by layer: `names` says what the first part of a parameter's name stands for."""
    for name, parameter in network.named_parameters():
        layer, _, what = name.partition(".")
        yield f"{names.get(layer, layer)} {what}", parameter


def gradients(network: nn.Module, names: dict[str, str]) -> Iterable[tuple[str, Tensor | None]]:
    """The same for the gradients."""
    for name, parameter in parameters(network, names):
        yield f"gradient of {name}", parameter.grad
