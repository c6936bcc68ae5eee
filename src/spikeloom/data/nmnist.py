"""N-MNIST in its official layout: `Train/<digit>/<index>.bin` and `Test/<digit>/<index>.bin`.

Orchard, Jayawant, Cohen and Thakor, "Converting Static Image Datasets to Spiking Neuromorphic Datasets Using Saccades",
Frontiers in Neuroscience 9:437, 2015. The files were made with an ATIS sensor in front of a screen.
"""

import os
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from spikeloom.checks import InputError, require
from spikeloom.data.events import Events, Sensor
from spikeloom.data.identity import of_files

SENSOR = Sensor(34, 34, 2)
CLASSES = 10
FOLDERS = {"train": ("Train",), "test": ("Test",), "all": ("Train", "Test")}

BYTES_PER_EVENT = 5
OVERFLOW_ROW = 240  # an event of this row is no event: the sensor's 13-bit clock ran over
OVERFLOW_US = 1 << 13

UNPACK_AGAIN = "unpack the file again from the official archive"
GET_IT = "give the folder that holds Train and Test of N-MNIST (https://www.garrickorchard.com/datasets/n-mnist)"


def decode(raw: bytes, source: str) -> Events:
    """Read the official format: 5 bytes an event, x, y, then a polarity bit and 23 bits of time, high byte first.

    Events of row 240 mark an overflow of the sensor's clock: each adds 8,192 µs to its own and all later times, and is
    left out, as in the data set's own reader (`Read_Ndataset.m`).

    Args:
        raw: the content of a file.
        source: the file, as an error names it.

    Raises:
        InputError: a truncated file, and whatever `Events.check` finds.
    """
    whole = len(raw) % BYTES_PER_EVENT == 0
    require(whole, source, "5 bytes per event", f"{len(raw)} bytes, so it is truncated", UNPACK_AGAIN)
    column = np.frombuffer(raw, np.uint8).reshape(-1, BYTES_PER_EVENT)
    high, middle, low = (column[:, byte].astype(np.int64) for byte in (2, 3, 4))
    t_us = (high & 0x7F) << 16 | middle << 8 | low
    overflow = column[:, 1] == OVERFLOW_ROW
    if overflow.any():
        t_us = (t_us + np.cumsum(overflow) * OVERFLOW_US)[~overflow]
        column = column[~overflow]
    x, y = column[:, 0].astype(np.int16), column[:, 1].astype(np.int16)
    return Events(t_us, x, y, column[:, 2] >> 7).check(SENSOR, source)


class NMNIST:
    """Digits shown to a 34x34 event camera that moves in three saccades of 100 ms: 60,000 to train, 10,000 to test.

    The files are listed when the data set is made, and read when a sample is asked for. Subsets of the official folders
    are data sets as well.

    Args:
        root: the folder that holds `Train` and `Test`.
        split: "train", "test", or "all" for both.

    Raises:
        InputError: a folder that is missing, holds no recording, or is not named by a digit; a file whose size shows
            that it is truncated or empty. Files with wrong content raise when they are read.
    """

    sensor = SENSOR
    classes = CLASSES
    class_names = tuple(str(digit) for digit in range(CLASSES))

    def __init__(self, root: str | os.PathLike[str], split: str = "train") -> None:
        require(split in FOLDERS, "split", f"one of {', '.join(FOLDERS)}", repr(split))
        files = [entry for name in FOLDERS[split] for entry in _list(Path(root) / name)]
        self._files = [file for file, _ in files]
        self.labels: Int64[np.ndarray, "S"] = np.array([label for _, label in files], np.int64)
        self.identity = of_files("nmnist", self._files, split=split)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> tuple[Events, int]:
        """Read sample `index`.

        Raises:
            InputError: a file that cannot be read, is truncated, or is no recording of the sensor.
        """
        file = self._files[index]
        try:
            raw = file.read_bytes()
        except OSError as error:
            raise InputError(f"{file}: expected a recording, got {error.strerror}; {UNPACK_AGAIN}") from error
        return decode(raw, str(file)), int(self.labels[index])


def pooled(root: str | os.PathLike[str]) -> NMNIST:
    """All of `Train` and `Test` as one data set, for splits of one's own."""
    return NMNIST(root, "all")


def _list(folder: Path) -> list[tuple[Path, int]]:
    """The recordings of `Train` or `Test` with their labels, in the order of their names."""
    require(folder.is_dir(), str(folder), "a folder with the folders 0 to 9", "no such folder", GET_IT)
    files = []
    for digit in sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        known = digit.name in map(str, range(CLASSES))
        require(known, str(digit), "a folder named by its label, 0 to 9", repr(digit.name), "move it elsewhere")
        found = sorted(digit.glob("*.bin"))
        require(len(found) > 0, str(digit), "recordings named <index>.bin", "none", "fill or remove the folder")
        for file in found:
            _check_size(file, file.stat().st_size)
        files += [(file, int(digit.name)) for file in found]
    require(len(files) > 0, str(folder), "the folders 0 to 9 with <index>.bin files", "none of them", GET_IT)
    return files


def _check_size(file: Path, size: int) -> None:
    require(size > 0, str(file), "at least one event", "an empty file", UNPACK_AGAIN)
    whole = size % BYTES_PER_EVENT == 0
    require(whole, str(file), "5 bytes per event", f"{size} bytes, so it is truncated", UNPACK_AGAIN)
