"""What a spiking layer was seen to do: who of its neurons spiked, how often, and what its cap dropped."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from spikeloom.spikes import Spikes


@dataclass(frozen=True, eq=False)
class Seen:
    """Sums over the batches, or the chunks of one, that a layer was seen on.

    Args:
        counts: `[N]`, how often each neuron spiked.
        rows: over how many steps and samples, T B.
        dropped: how many ids the layer's cap dropped.
    """

    counts: Float[np.ndarray, "N"]
    rows: int
    dropped: int = 0

    @classmethod
    def of(cls, spikes: Spikes, dropped: int = 0) -> "Seen":
        """What these spikes show."""
        # Entries that are only near their threshold weigh nothing.
        active = spikes.active.detach().numpy()
        counts = np.bincount(spikes.ids.numpy(), weights=active, minlength=spikes.neurons)
        return cls(counts, spikes.steps * spikes.batch, dropped)

    @property
    def activity(self) -> float:
        """The fraction of neurons and steps that spiked, from 0 to 1."""
        return float(self.counts.sum()) / max(1, self.rows * len(self.counts))

    @property
    def silent(self) -> float:
        """The fraction of neurons that never spiked, from 0 to 1."""
        return float((self.counts == 0).mean())

    def __add__(self, other: "Seen") -> "Seen":
        return Seen(self.counts + other.counts, self.rows + other.rows, self.dropped + other.dropped)


@dataclass(frozen=True, eq=False)
class Unread:
    """The same of a layer on a GPU, in tensors there, until somebody waits for it.

    Args:
        counts: `[N]` float64, how often each neuron spiked.
        rows: over how many steps and samples, T B.
        dropped: how many ids the layer's cap dropped; 0 where it has none.
    """

    counts: Float[Tensor, "N"]
    rows: int
    dropped: int | Tensor = 0

    @classmethod
    def of(cls, spikes: Spikes, dropped: int | Tensor = 0) -> "Unread":
        """What these spikes show."""
        rows = spikes.steps * spikes.batch
        # A layer on its dense route has a raster, and has listed no ids yet.
        if spikes.raster is not None:
            counts = spikes.raster.detach().sum((0, 1), dtype=torch.float64)
            return cls(counts.narrow(0, 0, spikes.neurons), rows, dropped)
        # Sums of ones have the same bits in any order.
        active = spikes.active.detach()
        return cls(active.new_zeros(spikes.neurons).index_add_(0, spikes.ids, active).double(), rows, dropped)

    def tensors(self) -> list[Tensor]:
        """What there is to read, in a fixed order."""
        return [self.counts, *([self.dropped] if isinstance(self.dropped, Tensor) else [])]

    def read(self, here: Iterator[Tensor]) -> Seen:
        """The same on the CPU.

        Args:
            here: goes on with `tensors`, brought there.
        """
        counts = next(here).numpy()
        return Seen(counts, self.rows, int(next(here) if isinstance(self.dropped, Tensor) else self.dropped))

    def __add__(self, other: "Unread") -> "Unread":
        return Unread(self.counts + other.counts, self.rows + other.rows, self.dropped + other.dropped)


Sums = TypeVar("Sums", Seen, Unread)


def added(one: Mapping[str, Sums], other: Mapping[str, Sums]) -> dict[str, Sums]:
    """Both, by layer."""
    return {name: one[name] + seen if name in one else seen for name, seen in other.items()}
