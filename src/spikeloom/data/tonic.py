"""Anything that the package tonic offers, or that looks like it, as a data set; tonic itself is not imported.

Lenz et al., "Tonic: event-based datasets and transformations", 2021; https://tonic.readthedocs.io. A data set of tonic
gives a structured array with the fields t (microseconds), x, p and mostly y, and a label; it has `sensor_size`, and
mostly `classes` and `targets`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from jaxtyping import Int64

from spikeloom.checks import require
from spikeloom.data.events import Events, Sensor
from spikeloom.data.events_columns import from_columns

FIELDS = ("t", "x", "y", "p")


class TonicLike(Protocol):
    """What is needed of a data set of tonic."""

    def __len__(self) -> int:
        """How many samples there are."""

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """The structured array of events and the label of a sample."""


def from_tonic(
    dataset: TonicLike, *, sensor: Sensor | None = None, labels: Sequence[object] | None = None
) -> "FromTonic":
    """Make a data set of one of tonic's (`pip install 'spikeloom[tonic]'` installs tonic).

    Labels are taken from `dataset.targets` where it has one for each sample and no transform of labels; else every
    sample is read once, which takes a while. Labels that are texts become the place of the text in `dataset.classes`,
    or among all labels in the order of their letters.

    Args:
        dataset: such as `tonic.datasets.NMNIST(save_to="data")`; with no transform, or with such that give events.
        sensor: what the recordings were made with; by default `dataset.sensor_size`.
        labels: one a sample, where they are known already; by default as above.

    Raises:
        InputError: no data set of tonic, no size of the sensor, or labels that are neither whole numbers nor texts.
    """
    return FromTonic(dataset, sensor or _sensor(dataset), _labels(dataset) if labels is None else list(labels))


class FromTonic:
    """A data set of tonic; `from_tonic` makes it. It has no identity, so that nothing of it is kept on the disk.

    Args:
        dataset: of tonic.
        sensor: what the recordings were made with.
        labels: one a sample, whole numbers or texts.
    """

    def __init__(self, dataset: TonicLike, sensor: Sensor, labels: Sequence[object]) -> None:
        count = len(dataset)
        require(count > 0, "dataset", "at least one sample", "none")
        require(len(labels) == count, "labels", f"{count}, one a sample", len(labels))
        plain = [_plain(label, f"label of sample {index}") for index, label in enumerate(labels)]
        self._dataset, self.sensor = dataset, sensor
        self.class_names = _class_names(getattr(dataset, "classes", None), plain)
        self.labels: Int64[np.ndarray, "S"] = np.array([self._place(label) for label in plain], np.int64)

    @property
    def classes(self) -> int:
        """How many labels there are."""
        return len(self.class_names)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Events, int]:
        """Read sample `index`; events are brought into the order of time.

        Raises:
            IndexError: no such sample.
            InputError: a sample that is no structured array of integers with a field t, or no recording of the sensor.
        """
        at = range(len(self))[index]
        source = f"sample {at} of {type(self._dataset).__name__}"
        events = self._dataset[at][0]
        names = getattr(getattr(events, "dtype", None), "names", None) or ()
        remedy = "leave out transforms that make frames of events"
        require("t" in names, source, "an array with the fields t, x, y, p", type(events), remedy)
        columns = {name: np.asarray(events[name]) for name in FIELDS if name in names}
        for name, column in columns.items():
            integers = column.ndim == 1 and column.dtype.kind in "iub"
            require(integers, f"{source}: {name}", "a row of integers", f"{column.dtype} of shape {column.shape}")
        if self.sensor.polarities == 1:  # tonic marks the spikes of such sensors, as those of SHD, by p = 1
            columns.pop("p", None)
        order = np.argsort(columns["t"], kind="stable")
        in_order = {name: column[order] for name, column in columns.items()}
        return from_columns(in_order, self.sensor, source), int(self.labels[at])

    def _place(self, label: int | str) -> int:
        if isinstance(label, str):
            require(label in self.class_names, "labels", f"one of {', '.join(self.class_names)}", repr(label))
            return self.class_names.index(label)
        require(0 <= label < self.classes, "labels", f"0 to {self.classes - 1}", label)
        return label


def _sensor(dataset: TonicLike) -> Sensor:
    size = getattr(dataset, "sensor_size", None)
    usable = isinstance(size, tuple | list) and len(size) == 3 and all(isinstance(n, int | np.integer) for n in size)
    remedy = "give sensor=Sensor(width, height, polarities)"
    require(usable, "dataset", "a data set of tonic with sensor_size (width, height, polarities)", repr(size), remedy)
    return Sensor(*(int(n) for n in size))  # type: ignore[union-attr]


def _labels(dataset: TonicLike) -> list[object]:
    """The label of each sample, without reading the samples where the data set tells."""
    targets = getattr(dataset, "targets", None)
    changed = any(getattr(dataset, name, None) is not None for name in ("target_transform", "transforms"))
    if targets is not None and len(targets) == len(dataset) and not changed:
        return list(targets)
    return [dataset[index][1] for index in range(len(dataset))]


def _plain(label: object, name: str) -> int | str:
    if isinstance(label, bytes):
        return label.decode(errors="replace")
    value = np.asarray(label)
    require(value.size == 1 and value.dtype.kind in "biuU", name, "a whole number or a text", repr(label)[:80])
    item = value.reshape(-1)[0]
    return str(item) if value.dtype.kind == "U" else int(item)


def _class_names(classes: object, labels: Sequence[int | str]) -> tuple[str, ...]:
    """The names of the classes: as the data set tells them, or as the labels show them."""
    if isinstance(classes, Mapping):  # of names to labels, as CIFAR10DVS has them
        classes = [name for name, _ in sorted(classes.items(), key=lambda entry: entry[1])]
    if classes is not None:
        return tuple(str(_plain(name, "classes")) for name in classes)  # type: ignore[attr-defined]
    if all(isinstance(label, str) for label in labels):
        return tuple(sorted({str(label) for label in labels}))
    numbers = [label for label in labels if isinstance(label, int)]
    require(len(numbers) == len(labels), "labels", "whole numbers only, or texts only", "both")
    return tuple(str(label) for label in range(max(numbers) + 1))
