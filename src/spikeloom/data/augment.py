"""Augmentation: random changes of whole recordings, drawn anew for every sample and epoch."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64

from spikeloom.checks import require


@dataclass(frozen=True, eq=False)
class Changes:
    """What happens to each of S recordings before it is binned, as columns `[S]` but for the matrix.

    Args:
        dx: pixels, or channels of sound, it moves to the right; events that leave the sensor are dropped.
        dy: pixels it moves down.
        flip: whether left and right change places, before all else.
        matrix: `[S, 2, 2]`; a pixel at (x, y) from the sensor's middle goes to the one nearest to matrix (x, y), before
            the recording moves.
        stretch: factor on all times.
        keep: chance of each event to stay, from 0 to 1.
        jitter_us: standard deviation of a normal number added to each event's time, before the stretch; events that
            would come before the start of the recording are dropped.
        key: decides what happens to single events.
    """

    dx: Int64[np.ndarray, "S"]
    dy: Int64[np.ndarray, "S"]
    flip: Bool[np.ndarray, "S"]
    matrix: Float64[np.ndarray, "S 2 2"]
    stretch: Float64[np.ndarray, "S"]
    keep: Float64[np.ndarray, "S"]
    jitter_us: Float64[np.ndarray, "S"]
    key: UInt64[np.ndarray, "S"]

    def __len__(self) -> int:
        return len(self.key)

    def take(self, samples: Int64[np.ndarray, "B"]) -> "Changes":
        """The changes of some samples."""
        return Changes(*(getattr(self, column.name)[samples] for column in fields(self)))


def unchanged(samples: int, *, seed: int = 0, epoch: int = 0) -> Changes:
    """Changes that leave all as it is, to be added to.

    Args:
        samples: S.
        seed: 0 or above; with `epoch` and the sample's number it decides what happens to single events.
        epoch: 0 or above.
    """
    zero, one = np.zeros(samples), np.ones(samples)
    shift = np.zeros((2, samples), np.int64)
    keys = _keys(seed, epoch, samples)
    matrix = np.tile(np.eye(2), (samples, 1, 1))
    return Changes(shift[0], shift[1], np.zeros(samples, np.bool_), matrix, one, one.copy(), zero, keys)


class Augmentation(Protocol):
    """Something that adds its own random part to the changes of all samples."""

    def draw(self, changes: Changes, rng: np.random.Generator) -> None:
        """Change the columns of `changes` in place."""


@dataclass(frozen=True)
class Jitter:
    """Move each recording by a whole number of pixels, uniform from -pixels to pixels, in x and in y.

    With a crop it makes the crop's place random; the crop lies inside the sensor where (sensor - crop) / 2 is at least
    `pixels`.

    Args:
        pixels: 0 or above.
    """

    pixels: int = 2

    def __post_init__(self) -> None:
        require(self.pixels >= 0, "Jitter pixels", "0 or above", self.pixels)

    def draw(self, changes: Changes, rng: np.random.Generator) -> None:
        """Add to `dx` and `dy`."""
        dx, dy = rng.integers(-self.pixels, self.pixels, (2, len(changes)), endpoint=True)
        changes.dx[:] += dx
        changes.dy[:] += dy


@dataclass(frozen=True)
class ChannelShift:
    """Move each recording of sound by a whole number of channels, uniform from -channels to channels.

    Args:
        channels: 0 or above.
    """

    channels: int = 20

    def __post_init__(self) -> None:
        require(self.channels >= 0, "ChannelShift channels", "0 or above", self.channels)

    def draw(self, changes: Changes, rng: np.random.Generator) -> None:
        """Add to `dx`."""
        changes.dx[:] += rng.integers(-self.channels, self.channels, len(changes), endpoint=True)


@dataclass(frozen=True)
class Flip:
    """Swap left and right of a recording; not for what tells left from right, such as letters.

    Args:
        chance: of each recording, from 0 to 1.
    """

    chance: float = 0.5

    def __post_init__(self) -> None:
        require(0 <= self.chance <= 1, "Flip chance", "from 0 to 1", self.chance)

    def draw(self, changes: Changes, rng: np.random.Generator) -> None:
        """Turn `flip` over."""
        changes.flip[:] ^= rng.random(len(changes)) < self.chance


@dataclass(frozen=True)
class Affine:
    """Turn, scale and shear each recording about the middle of the sensor.

    A row or column of pixels may get no event where a recording grows, and those of two where it shrinks.

    Args:
        degrees: it turns by an angle uniform from -degrees to degrees; from 0 to 180.
        zoom: it grows by a factor uniform from 1 - zoom to 1 + zoom; 0 or above and below 1.
        shear: its rows move sideways by their distance from the middle times a number uniform from -shear to shear, as
            slanted writing does; from 0 to 1.
    """

    degrees: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0

    def __post_init__(self) -> None:
        require(0 <= self.degrees <= 180, "Affine degrees", "from 0 to 180", self.degrees)
        require(0 <= self.zoom < 1, "Affine zoom", "from 0 to below 1", self.zoom)
        require(0 <= self.shear <= 1, "Affine shear", "from 0 to 1", self.shear)

    def draw(self, changes: Changes, rng: np.random.Generator) -> None:
        """Multiply the matrix by one that shears, then turns and scales."""
        angle, zoom, shear = rng.uniform(-1, 1, (3, len(changes)))
        angle, zoom, shear = np.radians(self.degrees) * angle, 1 + self.zoom * zoom, self.shear * shear
        cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
        rows = [cos, shear * cos - sin, sin, shear * sin + cos]
        changes.matrix[:] = np.stack(rows, 1).reshape(-1, 2, 2) @ changes.matrix


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
        changes.stretch[:] *= rng.uniform(self.low, self.high, len(changes))


@dataclass(frozen=True)
class TimeJitter:
    """Move each event in time by a normal number.

    Args:
        std_ms: its standard deviation in milliseconds, 0 or above.
    """

    std_ms: float = 1.0

    def __post_init__(self) -> None:
        require(0 <= self.std_ms < float("inf"), "TimeJitter std_ms", "milliseconds, 0 or above", self.std_ms)

    def draw(self, changes: Changes, rng: np.random.Generator) -> None:
        """Add to the variance."""
        changes.jitter_us[:] = np.hypot(changes.jitter_us, 1000 * self.std_ms)


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
    changes = unchanged(samples, seed=seed, epoch=epoch)
    for place, augmentation in enumerate(augment):
        augmentation.draw(changes, np.random.default_rng((seed, epoch, place)))
    return changes


def _keys(seed: int, epoch: int, samples: int) -> UInt64[np.ndarray, "S"]:
    """A number for each sample; the kernel's random numbers follow from it."""
    rng_seed = np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0]
    return _mixed(rng_seed + np.arange(1, samples + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))


def _mixed(z: np.ndarray) -> np.ndarray:
    """The last step of splitmix64, which makes of close numbers distant ones."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = z ^ (z >> np.uint64(31))
    return mixed
