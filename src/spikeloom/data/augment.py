"""Augmentation: random changes of whole recordings, drawn anew for every sample and epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Float64, Int64

from spikeloom.checks import require


@dataclass(frozen=True)
class Change:
    """What happens to one recording before it is binned.

    Args:
        dx: pixels it moves to the right; events that leave the sensor are dropped.
        dy: pixels it moves down.
        stretch: factor on all times.
        drop: chance of each event to be left out, from 0 to 1.
        seed: decides which events are left out.
    """

    dx: int = 0
    dy: int = 0
    stretch: float = 1.0
    drop: float = 0.0
    seed: tuple[int, ...] = (0,)


@dataclass(frozen=True, eq=False)
class Changes:
    """One change per sample of a data set, as columns; `[S]` each."""

    dx: Int64[np.ndarray, "S"]
    dy: Int64[np.ndarray, "S"]
    stretch: Float64[np.ndarray, "S"]
    keep: Float64[np.ndarray, "S"]
    seed: tuple[int, ...]

    def __getitem__(self, sample: int) -> Change:
        drop = 1 - float(self.keep[sample])
        dx, dy, stretch = int(self.dx[sample]), int(self.dy[sample]), float(self.stretch[sample])
        return Change(dx, dy, stretch, drop, (*self.seed, sample))


class Augmentation(Protocol):
    """Something that adds its own random part to the changes of all samples."""

    def draw(self, changes: Changes, rng: np.random.Generator) -> None:
        """Change the columns of `changes` in place."""


@dataclass(frozen=True)
class Jitter:
    """Move each recording by a whole number of pixels, uniform from -pixels to pixels, in x and in y.

    Args:
        pixels: 0 or above.
    """

    pixels: int = 2

    def __post_init__(self) -> None:
        require(self.pixels >= 0, "Jitter pixels", "0 or above", self.pixels)

    def draw(self, changes: Changes, rng: np.random.Generator) -> None:
        """Add to `dx` and `dy`."""
        dx, dy = rng.integers(-self.pixels, self.pixels, (2, len(changes.dx)), endpoint=True)
        changes.dx[:] += dx
        changes.dy[:] += dy


@dataclass(frozen=True)
class TimeSkew:
    """Stretch each recording in time by a factor, uniform from `low` to `high`.

    Args:
        low: above 0.
        high: at least `low`.
    """

    low: float = 0.9
    high: float = 1.1

    def __post_init__(self) -> None:
        require(0 < self.low <= self.high, "TimeSkew", "0 < low <= high", f"low={self.low}, high={self.high}")

    def draw(self, changes: Changes, rng: np.random.Generator) -> None:
        """Multiply `stretch`."""
        changes.stretch[:] *= rng.uniform(self.low, self.high, len(changes.stretch))


@dataclass(frozen=True)
class EventDrop:
    """Leave out each event with the same chance.

    Args:
        chance: from 0 to below 1.
    """

    chance: float = 0.1

    def __post_init__(self) -> None:
        require(0 <= self.chance < 1, "EventDrop chance", "from 0 to below 1", self.chance)

    def draw(self, changes: Changes, rng: np.random.Generator) -> None:
        """Multiply the chance to stay."""
        changes.keep[:] *= 1 - self.chance


def draw(augment: Sequence[Augmentation], samples: int, *, seed: int, epoch: int) -> Changes:
    """The changes of all samples in one epoch; a function of the arguments alone.

    Args:
        augment: augmentations, each adding to those before.
        samples: S, the size of the data set.
        seed: 0 or above.
        epoch: 0 or above.
    """
    zeros, ones = np.zeros((2, samples), np.int64), np.ones((2, samples))
    changes = Changes(zeros[0], zeros[1], ones[0], ones[1], (seed, epoch))
    for place, augmentation in enumerate(augment):
        augmentation.draw(changes, np.random.default_rng((seed, epoch, place)))
    return changes
