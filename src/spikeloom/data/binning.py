"""From the events of recordings to the ids of time steps, without a dense frame in between."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from jaxtyping import Integer

from spikeloom.checks import require
from spikeloom.data.augment import Change
from spikeloom.data.events import Events, Sensor
from spikeloom.spikes import Spikes

UNCHANGED = Change()


@dataclass(frozen=True, eq=False)
class Packed:
    """A recording in little memory: `[K]` times in µs, ascending, and `[K]` ids on the sensor."""

    t_us: Integer[np.ndarray, "K"]
    ids: Integer[np.ndarray, "K"]

    @property
    def nbytes(self) -> int:
        """Bytes the columns take."""
        return self.t_us.nbytes + self.ids.nbytes


@dataclass(frozen=True, eq=False)
class Binned:
    """A sample as steps: `[T]` ids per step, and `[K]` ids, step after step, ascending and once each in a step."""

    counts: Integer[np.ndarray, "T"]
    ids: Integer[np.ndarray, "K"]

    @property
    def nbytes(self) -> int:
        """Bytes the columns take."""
        return self.counts.nbytes + self.ids.nbytes


@dataclass(frozen=True)
class Binning:
    """How events become steps: step `floor(t_us / (1000 dt_ms))`; what lies past the last step or the crop is dropped.

    Args:
        sensor: where the events come from.
        dt_ms: length of a step in milliseconds, at least 0.001.
        steps: T, time steps of a sample, whatever the length of its recording.
        crop: (width, height) of the sensor's central part to keep, or None for all of it.

    Raises:
        InputError: a step length or number of steps that is not positive, or a crop larger than the sensor.
    """

    sensor: Sensor
    dt_ms: float
    steps: int
    crop: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        require(0.001 <= self.dt_ms < math.inf, "dt_ms", "milliseconds per step, at least 0.001", self.dt_ms)
        require(self.steps >= 1, "steps", "at least 1", self.steps)
        width, height = self.crop or (1, 1)
        inside = 1 <= width <= self.sensor.width and 1 <= height <= self.sensor.height
        require(inside, "crop", f"(width, height) up to {(self.sensor.width, self.sensor.height)}", self.crop)

    @cached_property
    def target(self) -> Sensor:
        """The part of the sensor that is kept."""
        return Sensor(*self.crop, self.sensor.polarities) if self.crop else self.sensor

    @property
    def neurons(self) -> int:
        """N: how many ids there are after the crop."""
        return self.target.size

    def pack(self, events: Events, source: str) -> Packed:
        """Check a recording and put it into little memory.

        Args:
            events: a recording.
            source: its name in an error.

        Raises:
            InputError: what `Events.check` finds.
        """
        events.check(self.sensor, source)
        ids = events.ids(self.sensor).astype(_smallest(self.sensor.size - 1))
        return Packed(events.t_us.astype(_smallest(int(events.t_us[-1]))), ids)

    def bin(self, packed: Packed, change: Change = UNCHANGED) -> Binned:
        """Turn a recording, changed as told, into steps.

        Args:
            packed: a recording.
            change: shift, stretch and loss of events, applied before binning and cropping.
        """
        step = packed.t_us / (1000 * self.dt_ms / change.stretch)
        end = int(step.searchsorted(self.steps))
        # A key is the step above the id, so that sorting plain numbers brings both into order.
        bits, off = self._bits, (1 << self._bits) - 1
        key = step[:end].astype(self._key)
        key <<= bits
        key |= _targets(self, change.dx, change.dy).take(packed.ids[:end])
        if change.drop > 0:
            chance = np.random.default_rng(change.seed).random(len(packed.ids), np.float32)
            key |= np.multiply(chance[:end] < change.drop, off, dtype=self._key)
        key.sort()
        keep = key & off != off
        keep[1:] &= key[1:] != key[:-1]
        key = key[keep]
        counts = np.bincount(key >> bits, minlength=self.steps)
        key &= off
        return Binned(counts.astype(np.int32), key.astype(self._id))

    @property
    def _bits(self) -> int:
        """Bits of a key that hold the id; all of them set stands for off the target."""
        return self.neurons.bit_length()

    @cached_property
    def _key(self) -> type[np.signedinteger]:
        return np.int32 if self.steps << self._bits < 1 << 31 else np.int64

    @cached_property
    def _id(self) -> type[np.integer]:
        return _smallest(self.neurons - 1)


@lru_cache(maxsize=256)
def _targets(binning: Binning, dx: int, dy: int) -> np.ndarray:
    """For each id of the sensor the id it becomes when the recording moves by (dx, dy), or all bits where it is off."""
    sensor, target = binning.sensor, binning.target
    p, y, x = np.unravel_index(np.arange(sensor.size), (sensor.polarities, sensor.height, sensor.width))
    x += dx - (sensor.width - target.width) // 2
    y += dy - (sensor.height - target.height) // 2
    on = (x >= 0) & (x < target.width) & (y >= 0) & (y < target.height)
    off = (1 << binning._bits) - 1
    return np.where(on, (p * target.height + y) * target.width + x, off).astype(binning._key)


def collate(samples: Sequence[Binned], *, neurons: int) -> Spikes:
    """Make one batch of binned samples of equal length.

    Args:
        samples: B of them.
        neurons: N.
    """
    counts = np.concatenate([sample.counts for sample in samples], dtype=np.int32)
    ids = np.concatenate([sample.ids for sample in samples], dtype=np.int32)
    row_start = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=row_start[1:])
    return Spikes(
        ids=torch.from_numpy(ids),
        row_start=torch.from_numpy(row_start),
        spike_count=torch.from_numpy(counts),
        # torch.ones would start a team of OpenMP threads that then spin beside the engine's own.
        active=torch.from_numpy(np.ones(len(ids), np.float32)),
        steps=len(samples[0].counts),
        batch=len(samples),
        neurons=neurons,
    )


def encode(recordings: Sequence[Events], binning: Binning) -> Spikes:
    """Turn recordings into spikes of `binning.steps` steps, one sample each.

    Args:
        recordings: B of them.
        binning: how.

    Raises:
        InputError: no recording at all, or one that `Events.check` rejects.
    """
    require(len(recordings) > 0, "recordings", "at least one", "none")
    packed = [binning.pack(events, f"recording {place}") for place, events in enumerate(recordings)]
    return collate([binning.bin(one) for one in packed], neurons=binning.neurons)


def _smallest(largest: int) -> type[np.integer]:
    """The smallest of three integer types that holds `largest`."""
    return np.uint16 if largest < 1 << 16 else np.int32 if largest < 1 << 31 else np.int64
