"""The layout that the Spiking Heidelberg Digits and the Spiking Speech Commands share.

Cramer, Stradmann, Schemmel and Zenke, "The Heidelberg Spiking Data Sets for the Systematic Evaluation of Spiking Neural
Networks", IEEE Transactions on Neural Networks and Learning Systems 33(7), 2022; https://zenkelab.org/resources/. One
HDF5 file a split: `spikes/times` (seconds, one variable-length row a sample), `spikes/units`, `labels`, `extra/keys`
and, for the digits, `extra/speaker` and `extra/meta_info`.
"""

import os
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Shaped

from spikeloom.checks import require
from spikeloom.data.events import Events, Sensor
from spikeloom.data.heidelberg_apart import UNPACK_AGAIN, Apart, Overview
from spikeloom.data.identity import of_files

SENSOR = Sensor(700, 1, 1)
LONGEST_S = 1e5  # float16 ends at 65,504; far beyond any recording, and far from where microseconds overflow


def decode(times: Shaped[np.ndarray, "K"], units: Shaped[np.ndarray, "K"], source: str) -> Events:
    """Turn spikes as they are stored into events in the order of time; spikes at one time keep their order.

    Args:
        times: `[K]` seconds. The files hold float16, whose steps are 0.5 to 1 ms from 0.5 s on.
        units: `[K]` channel of the cochlea model, 0 to 699.
        source: the file and the sample, as an error names them.

    Raises:
        InputError: columns of other kinds or of unequal length, times that are no number, below 0 or beyond 100,000 s,
            and whatever `Events.check` finds.
    """
    require(
        times.ndim == 1 and times.dtype.kind == "f", f"{source}: times", "a row of floats", _what(times), UNPACK_AGAIN
    )
    require(
        units.ndim == 1 and units.dtype.kind in "iu",
        f"{source}: units",
        "a row of integers",
        _what(units),
        UNPACK_AGAIN,
    )
    equal = len(times) == len(units)
    require(equal, source, "as many times as units", f"{len(times)} and {len(units)}", UNPACK_AGAIN)
    seconds = times.astype(np.float64)
    usable = (seconds >= 0) & (seconds <= LONGEST_S)  # false for what is no number
    if not usable.all():
        at = int(np.flatnonzero(~usable)[0])
        require(False, f"{source}: times", "0 s to 100,000 s", f"{times[at]} in spike {at}", UNPACK_AGAIN)
    if len(units) > 0 and (int(units.min()) < 0 or int(units.max()) >= SENSOR.width):  # before int16 could wrap them
        got = f"{int(units.min())} to {int(units.max())}"
        require(False, f"{source}: units", f"0 to {SENSOR.width - 1}", got, "is this a recording of 700 channels?")
    t_us = np.rint(seconds * 1e6).astype(np.int64)
    order = np.argsort(t_us, kind="stable")
    nothing = np.zeros(len(order), np.int16)
    return Events(t_us[order], units[order].astype(np.int16), nothing, nothing.astype(np.uint8)).check(SENSOR, source)


class Heidelberg:
    """The files of some splits as one data set; base of `SHD` and `SSC`.

    Args:
        files: the HDF5 files.
        classes: how many classes the set has.
        identity: kind and split.
    """

    sensor = SENSOR

    def __init__(self, files: list[Path], classes: int, kind: str, split: str) -> None:
        self.classes = classes
        self._files = [Apart(_present(file)) for file in files]
        overviews = [_checked(file, classes) for file in self._files]
        counts = [len(overview.labels) for overview in overviews]
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self.labels: Int64[np.ndarray, "S"] = np.concatenate([o.labels for o in overviews]).astype(np.int64)
        self.class_names = overviews[0].keys
        self._speakers = [overview.speakers for overview in overviews]
        self.identity = of_files(kind, files, split=split)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Events, int]:
        """Read sample `index`.

        Raises:
            IndexError: no such sample.
            InputError: a file that cannot be read or is damaged, and whatever `decode` finds.
        """
        at = range(len(self))[index]
        place = int(np.searchsorted(self._starts, at, side="right")) - 1
        file, row = self._files[place], at - int(self._starts[place])
        return decode(*file.sample(row), f"{file.file}: sample {row}"), int(self.labels[at])

    @property
    def speakers(self) -> Shaped[np.ndarray, "S"]:
        """The name of each sample's speaker.

        Raises:
            InputError: files that do not tell of speakers.
        """
        told = [one for speakers in self._speakers if speakers is not None for one in speakers]
        remedy = "split this data set at random instead"
        require(len(told) == len(self), "speakers", "extra/speaker in the files", "none", remedy)
        return np.array(told)


def locate(root: str | os.PathLike[str], split: str, files: dict[str, tuple[str, ...]]) -> list[Path]:
    """The files of `split` under `root`; raises for a split that is not in `files`."""
    require(split in files, "split", f"one of {', '.join(files)}", repr(split))
    return [Path(root) / name for name in files[split]]


def _present(file: Path) -> Path:
    for ending in (".gz", ".zip"):
        packed = file.with_name(file.name + ending)
        if packed.exists() and not file.exists():
            require(False, str(file), "an HDF5 file", f"only {packed.name}", f"unpack {packed.name} in its folder")
    remedy = f"give the folder that holds {file.name} (https://zenkelab.org/resources/)"
    require(file.is_file(), str(file), "an HDF5 file", "no such file", remedy)
    return file


def _checked(file: Apart, classes: int) -> Overview:
    overview, name = file.overview(), str(file.file)
    labels = overview.labels
    require(len(labels) > 0, name, "at least one sample", "none", UNPACK_AGAIN)
    low, high = int(labels.min()), int(labels.max())
    require(low >= 0 and high < classes, f"{name}: labels", f"0 to {classes - 1}", f"{low} to {high}", UNPACK_AGAIN)
    keys = f"{name}: extra/keys"
    require(len(overview.keys) == classes, keys, f"{classes} names of classes", len(overview.keys), UNPACK_AGAIN)
    return overview


def _what(array: np.ndarray) -> str:
    return f"{array.dtype} of shape {array.shape}"
