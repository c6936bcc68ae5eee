"""Finding what is not a number, at the step where it arises."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

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


class Watch:
    """Checks the numbers of a step: on the CPU at once, on a GPU with the read at the step's end.

    Args:
        late: whether checks wait for `judge`.
    """

    def __init__(self, *, late: bool = False) -> None:
        self.late = late
        self._waiting: list[tuple[list[Tensor], Callable[[], None]]] = []

    @torch.no_grad()
    def check(self, named: Iterable[tuple[str, Tensor]], at: str, by: Tensor | None = None) -> None:
        """Raise if one of these tensors holds a number that is not finite, as `check` does, now or in `judge`.

        Args:
            named: as in `check`.
            at: likewise.
            by: a number that is not finite if one of theirs is not; None: one is made of each tensor.

        Raises:
            InputError: naming the first such tensor.
        """
        if not self.late:
            check(named, at)
            return
        named = list(named)
        telling = list(torch._foreach_norm([values.detach() for _, values in named])) if by is None else [by.detach()]
        self._waiting.append((telling, partial(check, named, at)))

    def numbers(self) -> list[Tensor]:
        """What `judge` has to be given the values of; nothing where no check waits."""
        return [number for telling, _ in self._waiting for number in telling]

    def judge(self, numbers: Sequence[Tensor]) -> None:
        """Look closely, in the order of the checks, where a number is not finite; no check waits any more.

        Args:
            numbers: those of `numbers`, on the CPU.

        Raises:
            InputError: naming the first tensor with a number that is not finite.
        """
        waiting, self._waiting = self._waiting, []
        rest = iter(numbers)
        for telling, look in waiting:
            # A norm of huge numbers may overflow: then a closer look finds nothing.
            values = [float(next(rest)) for _ in telling]
            if not all(map(math.isfinite, values)):
                look()


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
