"""What a spiking layer was seen to do: who of its neurons spiked, how often, and what its cap dropped."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

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


def added(one: Mapping[str, Seen], other: Mapping[str, Seen]) -> dict[str, Seen]:
    """Both, by layer."""
    return {name: one[name] + seen if name in one else seen for name, seen in other.items()}
