"""From the events of recordings to the ids of time steps, without a dense frame in between."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Int64

from spikeloom.checks import require
from spikeloom.data.augment import Changes, unchanged
from spikeloom.data.events import Events, Sensor
from spikeloom.data.store import Store, pack
from spikeloom.spikes import Spikes


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

    def bin(self, store: Store, samples: Int64[np.ndarray, "B"], changes: Changes | None = None) -> Spikes:
        """Make a batch of some samples.

        Args:
            store: recordings of the sensor.
            samples: B of its samples.
            changes: what happens to each of these B before it is binned and cropped; the times of events are divided
                by `1000 dt_ms / stretch`.
        """
        from spikeloom.kernels.cpu import binning as kernel  # numba takes a while to import

        made = unchanged(len(samples)) if changes is None else changes
        alterations = kernel.Alterations(
            made.dx,
            made.dy,
            made.flip,
            np.rint(made.matrix * kernel.UNIT).astype(np.int64),
            1000 * self.dt_ms / made.stretch,
            np.rint(made.keep * 2.0**32).astype(np.uint64),
            made.jitter_us,
            made.key,
        )
        recordings, rows = store.samples[samples], len(samples) * self.steps
        ids = np.empty(store.events(samples) + kernel.UNROLL, np.int32)
        row_start, spike_count = np.empty(rows + 1, np.int64), np.empty(rows, np.int32)
        sensor, target = self.sensor, self.target
        frame = kernel.Frame(sensor.width, sensor.height, sensor.polarities, target.width, target.height)
        stored = kernel.Recordings(store.t_us, store.ids, store.start)
        kernel.encode(stored, recordings, alterations, frame, self.steps, ids, row_start, spike_count)
        found = int(row_start[-1])
        return Spikes(
            ids=torch.from_numpy(ids[:found]),
            row_start=torch.from_numpy(row_start),
            spike_count=torch.from_numpy(spike_count),
            # torch.ones would start a team of OpenMP threads that then spin beside the engine's own.
            active=torch.from_numpy(np.ones(found, np.float32)),
            steps=self.steps,
            batch=len(samples),
            neurons=self.neurons,
        )


def encode(recordings: Sequence[Events], binning: Binning) -> Spikes:
    """Turn recordings into spikes of `binning.steps` steps, one sample each.

    Args:
        recordings: B of them.
        binning: how.

    Raises:
        InputError: no recording at all, or one that `Events.check` rejects.
    """
    store = pack(recordings, binning.sensor)
    return binning.bin(store, np.arange(len(store)))
