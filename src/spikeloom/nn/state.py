"""What a layer carries from one call to the next."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spikeloom.checks import require
from spikeloom.neurons import Neuron
from spikeloom.spikes import Spikes


@dataclass(frozen=True, eq=False)
class State:
    """The neurons' states and spikes after the last step; differentiable.

    Args:
        values: a tensor `[B, N]` for each state of the neuron, as its description orders them.
        spike: `[B, N]`, zeros and ones: who spiked at the last step. None for neurons that do not spike.
        kept: `[B, I]`, the inputs that dropout left to each sample; None where there is no dropout.
        late: the input of the last steps, which a delay holds back; None where there is no delay.
    """

    values: tuple[Float[Tensor, "B N"], ...]
    spike: Float[Tensor, "B N"] | None = None
    kept: Bool[Tensor, "B I"] | None = None
    late: Spikes | Float[Tensor, "D B I"] | None = None

    def detach(self) -> "State":
        """The same state cut off from the graph that made it: backpropagation through time ends here."""
        return self.map(lambda x: x.detach())

    def map(self, change: Callable[[Tensor], Tensor]) -> "State":
        """The same state with each tensor that gradients can flow through changed."""
        return replace(
            self,
            values=tuple(change(value) for value in self.values),
            spike=None if self.spike is None else change(self.spike),
            late=_changed(self.late, change),
        )

    def tensors(self) -> list[Tensor]:
        """What gradients can flow through, in a fixed order."""
        late = self.late.active if isinstance(self.late, Spikes) else self.late
        return [*self.values, *(x for x in (self.spike, late) if x is not None)]

    def check(self, neuron: Neuron, batch: int, neurons: int, device: torch.device) -> None:
        """Raise unless this is a state of such a layer; kernels read it unchecked.

        Raises:
            InputError: another number of states, or of samples or neurons, or another device.
        """
        wanted, shape = neuron.states, (batch, neurons)
        fits = len(self.values) == len(wanted)
        require(fits, "state", f"{len(wanted)} of {neuron.name}: {', '.join(wanted)}", f"{len(self.values)} tensors")
        for tensor in (*self.values, *(() if self.spike is None else (self.spike,))):
            require(tuple(tensor.shape) == shape, "state", f"tensors {shape}, [B, N]", tuple(tensor.shape))
            if tensor.device != device:
                remedy = "start anew where the network has moved"
                require(False, "state", f"tensors on {device}, where the weights are", tensor.device, remedy)


def _changed(late: Spikes | Tensor | None, change: Callable[[Tensor], Tensor]) -> Spikes | Tensor | None:
    if isinstance(late, Spikes):
        return replace(late, active=change(late.active))
    return None if late is None else change(late)


class States(tuple[Any, ...]):
    """The states of a network's layers; None for a layer that has none."""

    def __new__(cls, states: Iterable[Any]) -> "States":
        return super().__new__(cls, states)

    def detach(self) -> "States":
        """The same states cut off from the graph that made them."""
        return States(None if state is None else state.detach() for state in self)
