"""All recordings of a data set in three arrays, in memory or on disk, ready to be made batches of."""

import mmap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int64, Integer

from spikeloom.checks import require
from spikeloom.data.dataset import Dataset
from spikeloom.data.denoise import denoise
from spikeloom.data.events import Events, Sensor
from spikeloom.data.subset import base_of

Progress = Callable[[int, int], None]
"""Called with how many recordings are converted, and how many there are."""


@dataclass(frozen=True, eq=False)
class Store:
    """Recordings one after the other, and which of them the samples of a data set are.

    Args:
        t_us: `[K]` time in µs, ascending within each recording; int32, or int64 where one is longer than 35 minutes.
        ids: `[K]` ids on the sensor; uint16, or int32 on a larger sensor.
        start: `[R + 1]` where each recording begins; the last is K.
        samples: `[S]` the recording of each sample.
        maps: the files on disk of which the arrays are views, if they are.
    """

    t_us: Integer[np.ndarray, "K"]
    ids: Integer[np.ndarray, "K"]
    start: Int64[np.ndarray, "R1"]
    samples: Int64[np.ndarray, "S"]
    maps: tuple[mmap.mmap, ...] = ()

    def __post_init__(self) -> None:
        # A kernel is compiled for arrays that may be written and again for those that may not.
        for array in (self.t_us, self.ids, self.start):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def bytes_per_event(self) -> int:
        """What an event takes."""
        return self.t_us.itemsize + self.ids.itemsize

    def events(self, samples: Int64[np.ndarray, "B"]) -> int:
        """How many events some samples have together."""
        recordings = self.samples[samples]
        return int((self.start[recordings + 1] - self.start[recordings]).sum())

    def part(self, indices: np.ndarray) -> "Store":
        """The samples `indices`; nothing is copied."""
        return replace(self, samples=self.samples[indices])

    def release(self) -> None:
        """Let go of the memory that holds what was read of files; the system keeps a copy while it has room."""
        for file in self.maps:
            if hasattr(mmap, "MADV_DONTNEED"):
                file.madvise(mmap.MADV_DONTNEED)


def open_store(dataset: Dataset, denoise_ms: float = 0.0, progress: Progress | None = None) -> Store:
    """The recordings of a data set, converted when they are first asked for.

    A data set that has an `identity` is converted once into a folder below `places.converted()` and mapped into memory
    from there; parts of one data set share the folder. One without is read into memory anew each time.

    Args:
        dataset: whose recordings to convert.
        denoise_ms: leave out events that had no neighbour within this time (see `denoise`); 0: keep all.
        progress: told how far the conversion is.

    Raises:
        InputError: a recording that cannot be used, or a cache folder that cannot be written.
    """
    require(0 <= denoise_ms < float("inf"), "denoise_ms", "milliseconds, 0 or above", denoise_ms)
    base, indices = base_of(dataset)
    if getattr(base, "identity", None) is None:
        columns = (packed(dataset, i, denoise_ms) for i in _counted(len(dataset), progress))
        return join(columns, dataset.sensor)
    from spikeloom.data import converted

    return converted.find_or_make(base, denoise_ms, progress).part(indices)


def size() -> int:
    """How many bytes the converted data sets on disk take."""
    from spikeloom.data import converted

    return converted.size()


def pack(recordings: Sequence[Events], sensor: Sensor) -> Store:
    """Check recordings and put them into memory.

    Raises:
        InputError: no recording at all, or one that `Events.check` rejects.
    """
    require(len(recordings) > 0, "recordings", "at least one", "none")
    return join((_columns(events, sensor, f"recording {i}") for i, events in enumerate(recordings)), sensor)


def packed(dataset: Dataset, index: int, denoise_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """The times `[K]`, int64, and ids `[K]` of one sample."""
    return _columns(dataset[index][0], dataset.sensor, f"sample {index}", denoise_ms)


def join(columns: Iterable[tuple[np.ndarray, np.ndarray]], sensor: Sensor) -> Store:
    """Put the times and ids of recordings one behind the other."""
    times, ids = [], []
    for t_us, own in columns:
        # Most recordings are short enough; this halves what lies in memory until all are there.
        times.append(t_us.astype(np.int32) if _short(t_us) else t_us)
        ids.append(own)
    start = np.zeros(len(times) + 1, np.int64)
    np.cumsum([len(t_us) for t_us in times], out=start[1:])
    return Store(np.concatenate(times), np.concatenate(ids), start, np.arange(len(times), dtype=np.int64))


def id_type(sensor: Sensor) -> type[np.integer[Any]]:
    """The smaller of two integer types that holds the sensor's ids."""
    return np.uint16 if sensor.size <= 1 << 16 else np.int32


def _columns(events: Events, sensor: Sensor, source: str, denoise_ms: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    events.check(sensor, source)
    if denoise_ms > 0:
        events = denoise(events, sensor, denoise_ms)
    return events.t_us.astype(np.int64), events.ids(sensor).astype(id_type(sensor))


def _short(t_us: np.ndarray) -> bool:
    return len(t_us) == 0 or int(t_us[-1]) < 1 << 31


def _counted(samples: int, progress: Progress | None) -> Iterable[int]:
    for index in range(samples):
        yield index
        if progress is not None:
            progress(index + 1, samples)
