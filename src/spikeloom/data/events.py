"""What a recording of an event sensor is, and what makes one usable."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int16, Int64, Integer, UInt8

from spikeloom.checks import require


@dataclass(frozen=True)
class Sensor:
    """The size of an event sensor; the id of an event is `(p * height + y) * width + x`.

    Args:
        width: pixels in x.
        height: pixels in y.
        polarities: kinds of events per pixel; 2 for OFF (0) and ON (1).
    """

    width: int
    height: int
    polarities: int = 2

    def __post_init__(self) -> None:
        for name, value in (("width", self.width), ("height", self.height), ("polarities", self.polarities)):
            require(value >= 1, f"sensor {name}", "at least 1", value)

    @property
    def size(self) -> int:
        """How many ids there are."""
        return self.width * self.height * self.polarities


@dataclass(frozen=True, eq=False)
class Events:
    """The events of one recording in the order of time, as columns of equal length.

    Args:
        t_us: `[K]` time since the start of the recording in microseconds, not decreasing.
        x: `[K]` column, from 0 to width - 1.
        y: `[K]` row, from 0 to height - 1.
        p: `[K]` polarity: 0 where brightness fell (OFF), 1 where it rose (ON).
    """

    t_us: Int64[np.ndarray, "K"]
    x: Int16[np.ndarray, "K"]
    y: Int16[np.ndarray, "K"]
    p: UInt8[np.ndarray, "K"]

    def __len__(self) -> int:
        return len(self.t_us)

    def ids(self, sensor: Sensor) -> Integer[np.ndarray, "K"]:
        """The id of each event on `sensor`, from 0 to `sensor.size - 1`."""
        ids: np.ndarray = (self.p.astype(np.int32) * sensor.height + self.y) * sensor.width + self.x
        return ids

    def check(self, sensor: Sensor, source: str) -> "Events":
        """Return these events, or raise if they are no usable recording of `sensor`.

        Args:
            sensor: what the events must lie on.
            source: the file or sample, as the error names it.

        Raises:
            InputError: columns of unequal length, no event at all, an event off the sensor, times below 0 or running
                backwards.
        """
        lengths = {name: len(getattr(self, name)) for name in ("t_us", "x", "y", "p")}
        require(len(set(lengths.values())) == 1, source, "t_us, x, y and p of equal length", lengths)
        require(len(self) > 0, source, "at least one event", "an empty recording", "leave it out of the data set")
        for name, size in (("x", sensor.width), ("y", sensor.height), ("p", sensor.polarities)):
            column = getattr(self, name)
            require(column.dtype.kind in "iu", f"{source}: {name}", "integers", column.dtype)
            if int(column.min()) < 0 or int(column.max()) >= size:
                at = int(np.flatnonzero((column < 0) | (column >= size))[0])
                remedy = f"the sensor is {sensor.width}x{sensor.height}x{sensor.polarities}: is this a recording of it?"
                require(False, f"{source}: {name}", f"0 to {size - 1}", f"{column[at]} in event {at}", remedy)
        _check_times(self.t_us, source)
        return self


def _check_times(t_us: np.ndarray, source: str) -> None:
    name = f"{source}: t_us"
    require(t_us.dtype.kind in "iu", name, "integers", t_us.dtype, "give time in whole microseconds")
    require(int(t_us[0]) >= 0, name, "time from 0 on", int(t_us[0]), "count it from the start of the recording")
    backwards = t_us[1:] < t_us[:-1]
    if backwards.any():
        at = int(np.flatnonzero(backwards)[0]) + 1
        got = f"{t_us[at]} after {t_us[at - 1]} in event {at}"
        require(False, name, "times that do not decrease", got, "sort the events by time, or record it anew")
