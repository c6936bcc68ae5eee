"""What is in a data set, counted."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spikeloom.checks import require
from spikeloom.data.dataset import Dataset
from spikeloom.data.events import Sensor

MOST_SAMPLES = 500
"""Of a larger data set, so many samples are read, evenly spaced; labels and speakers are known of all."""

Spread = tuple[float, float, float]


@dataclass(frozen=True)
class Survey:
    """What is in a data set.

    Args:
        samples: S.
        read: how many of them the spreads and fractions below are of.
        sensor: what the recordings were made with.
        classes: by the name of each class, its samples.
        speakers: by the name of each speaker, their samples; empty where none are known.
        duration_ms: from a recording's start to its last event; the least, the median and the most.
        events: of a sample; the least, the median and the most.
        activity: the fraction of pairs of a neuron and a step that hold an event, over each recording's own length or,
            with `steps`, over these.
        samples_cut: the fraction of samples that last longer than `steps`; None where no steps are given.
        events_cut: the fraction of events that come later; None likewise.
    """

    samples: int
    read: int
    sensor: Sensor
    classes: dict[str, int]
    speakers: dict[str, int]
    duration_ms: Spread
    events: Spread
    activity: float
    samples_cut: float | None
    events_cut: float | None


def survey(
    dataset: Dataset,
    dt_ms: float = 1.0,
    steps: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Survey:
    """Count what is in a data set.

    Args:
        dataset: labelled recordings.
        dt_ms: length of a step in milliseconds, at least 0.001.
        steps: of a sample; None: as many as each recording takes.
        progress: told how many samples are read, and how many there are to read.

    Raises:
        InputError: steps out of range, a recording that cannot be used.
    """
    require(0.001 <= dt_ms < float("inf"), "dt_ms", "milliseconds per step, at least 0.001", dt_ms)
    require(steps is None or steps >= 1, "steps", "at least 1", steps)
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(MOST_SAMPLES, len(dataset))).round().astype(int))
    last_us, events, kept, active, length = np.zeros((5, len(chosen)), np.int64)
    step_us = 1000 * dt_ms
    for place, index in enumerate(chosen):
        recording, _ = dataset[int(index)]
        recording.check(dataset.sensor, f"sample {index}")
        step = (recording.t_us / step_us).astype(np.int64)
        inside = slice(None) if steps is None else slice(int(step.searchsorted(steps)))
        last_us[place], events[place] = recording.t_us[-1], len(recording)
        kept[place] = len(step[inside])
        active[place] = len(np.unique(step[inside] * dataset.sensor.size + recording.ids(dataset.sensor)[inside]))
        length[place] = step[-1] + 1
        progress(place + 1, len(chosen))
    cells = dataset.sensor.size * (int(length.sum()) if steps is None else steps * len(chosen))
    return Survey(
        samples=len(dataset),
        read=len(chosen),
        sensor=dataset.sensor,
        classes=_classes(dataset),
        speakers=_counts(getattr(dataset, "speakers", None)),
        duration_ms=_spread(last_us / 1000),
        events=_spread(events),
        activity=int(active.sum()) / cells,
        samples_cut=None if steps is None else float((length > steps).mean()),
        events_cut=None if steps is None else 1 - int(kept.sum()) / int(events.sum()),
    )


def _spread(values: np.ndarray) -> Spread:
    return float(values.min()), float(np.median(values)), float(values.max())


def _classes(dataset: Dataset) -> dict[str, int]:
    names = getattr(dataset, "class_names", None) or tuple(map(str, range(dataset.classes)))
    counts = np.bincount(dataset.labels, minlength=dataset.classes)
    return {name: int(count) for name, count in zip(names, counts, strict=True)}


def _counts(speakers: np.ndarray | None) -> dict[str, int]:
    if speakers is None:
        return {}
    names, counts = np.unique(np.asarray(speakers).astype(str), return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))
