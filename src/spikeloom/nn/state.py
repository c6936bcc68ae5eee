"""What a layer carries from one call to the next."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class State:
    """The neurons' states and spikes after the last step; differentiable.

    Args:
        values: a tensor `[B, N]` for each state of the neuron, as its description orders them.
        spike: `[B, N]`, zeros and ones: who spiked at the last step. None for neurons that do not spike.
        kept: `[B, I]`, the inputs that dropout left to each sample; None where there is no dropout.
    """

    values: tuple[Float[Tensor, "B N"], ...]
    spike: Float[Tensor, "B N"] | None = None
    kept: Bool[Tensor, "B I"] | None = None

    def detach(self) -> "State":
        """The same state cut off from the graph that made it: backpropagation through time ends here."""
        spike = None if self.spike is None else self.spike.detach()
        return replace(self, values=tuple(value.detach() for value in self.values), spike=spike)


class States(tuple[Any, ...]):
    """The states of a network's layers; None for a layer that has none."""

    def __new__(cls, states: Iterable[Any]) -> "States":
        return super().__new__(cls, states)

    def detach(self) -> "States":
        """The same states cut off from the graph that made them."""
        return States(None if state is None else state.detach() for state in self)
