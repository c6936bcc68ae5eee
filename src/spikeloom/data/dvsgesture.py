"""DVS128 Gesture as published: AEDAT 3.1 recordings, a table of gestures for each, and two lists of recordings.

Amir et al., "A Low Power, Fully Event-Based Gesture Recognition System", CVPR 2017. 29 people make 11 gestures under
three kinds of light in front of a DVS128; the layout is that of the archive's README.txt. The input is reduced to 48x48
as in the paper whose settings the recipes follow: the central 96x96 pixels, and of these 2x2 become one.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from spikeloom.checks import InputError, require
from spikeloom.data import aedat
from spikeloom.data.events import Events, Sensor
from spikeloom.data.identity import of_files

CAMERA = 128
CROP = 96
HALVE = 2
SENSOR = Sensor(CROP // HALVE, CROP // HALVE, 2)
NAMES = (
    "hand clapping",
    "right hand wave",
    "left hand wave",
    "right arm clockwise",
    "right arm counter clockwise",
    "left arm clockwise",
    "left arm counter clockwise",
    "arm roll",
    "air drums",
    "air guitar",
    "other gestures",
)
LISTS = {
    "train": ("trials_to_train.txt",),
    "test": ("trials_to_test.txt",),
    "all": ("trials_to_train.txt", "trials_to_test.txt"),
}
FOLDER = "DvsGesture"  # what the archive unpacks to
TABLE_HEAD = "class,startTime_usec,endTime_usec"
NUMBER = re.compile(r"\d{1,15}", re.ASCII)

UNPACK_AGAIN = aedat.UNPACK_AGAIN
GET_IT = "give the folder that DvsGesture.tar.gz unpacks to (https://research.ibm.com/interactive/dvsgesture/)"


@dataclass(frozen=True)
class Gesture:
    """One gesture in a recording: its label, 0 to 10, and when it lasts, on the sensor's clock."""

    label: int
    start_us: int
    end_us: int


def gestures(raw: bytes, source: str) -> list[Gesture]:
    """Read the table of a recording; as published, gestures may overlap in time, and a class may come more than once.

    Args:
        raw: the content of a `_labels.csv`.
        source: the file, as an error names it.

    Raises:
        InputError: another head than `class,startTime_usec,endTime_usec`, no row, a class beyond 1 to 11, or a gesture
            that ends before it starts.
    """
    try:
        lines = [line.strip() for line in raw.decode("ascii").splitlines()]
    except UnicodeDecodeError as error:
        raise InputError(f"{source}: expected plain text, got {error.reason}; {UNPACK_AGAIN}") from error
    head = lines[0] if lines else ""
    require(head == TABLE_HEAD, source, f"the head {TABLE_HEAD}", repr(head[:60]), UNPACK_AGAIN)
    rows = [_gesture(line, f"{source}: line {at}") for at, line in enumerate(lines[1:], 2) if line]
    require(len(rows) > 0, source, "at least one gesture", "none", UNPACK_AGAIN)
    return rows


def _gesture(line: str, source: str) -> Gesture:
    cells = [cell.strip() for cell in line.split(",")]
    plain = len(cells) == 3 and all(NUMBER.fullmatch(cell) for cell in cells)
    require(plain, source, "class, start and end as whole numbers", repr(line[:60]), UNPACK_AGAIN)
    kind, start_us, end_us = map(int, cells)
    require(1 <= kind <= len(NAMES), f"{source}: class", f"1 to {len(NAMES)}", kind, UNPACK_AGAIN)
    require(start_us < end_us, source, "an end after the start", f"{start_us} to {end_us}", UNPACK_AGAIN)
    return Gesture(kind - 1, start_us, end_us)


def reduce(seen: aedat.Polarities, gesture: Gesture, source: str) -> Events:
    """Cut `gesture` out of what the camera saw, in the order of time, counted from its start, at 48x48 pixels.

    Args:
        seen: events of the 128x128 camera.
        gesture: when it starts and ends; its end belongs to it no more.
        source: the recording, as an error names it.

    Raises:
        InputError: events off the camera, or none of the gesture on the central pixels.
    """
    for name in ("x", "y"):
        pixels = getattr(seen, name)
        if len(pixels) > 0 and int(pixels.max()) >= CAMERA:
            expected, remedy = f"0 to {CAMERA - 1}", "is this a recording of a DVS128?"
            require(False, f"{source}: {name}", expected, int(pixels.max()), remedy)
    margin = (CAMERA - CROP) // 2
    x, y, t_us = seen.x - margin, seen.y - margin, seen.t_us
    inside = (x >= 0) & (x < CROP) & (y >= 0) & (y < CROP) & (t_us >= gesture.start_us) & (t_us < gesture.end_us)
    kept = np.flatnonzero(inside)
    kept = kept[np.argsort(t_us[kept], kind="stable")]
    columns = (x[kept] // HALVE, y[kept] // HALVE, seen.p[kept])
    return Events(t_us[kept] - gesture.start_us, *columns).check(SENSOR, source)


class DVSGesture:
    """Gestures in front of a 128x128 event camera, reduced to 48x48: 23 people to train, 6 others to test.

    The tables are read when the data set is made, and a recording when a gesture of it is asked for. It is scanned once
    for where its packets lie; after that a gesture takes reading its part of the file.

    Args:
        root: the folder with the recordings, their `_labels.csv`, `trials_to_train.txt` and `trials_to_test.txt`, or
            one that holds it as `DvsGesture`.
        split: "train", "test", or "all" for both.

    Raises:
        InputError: a list, recording or table that is missing, or a table that `gestures` cannot use. Damaged
            recordings raise when they are read.
    """

    sensor = SENSOR
    classes = len(NAMES)
    class_names = NAMES

    def __init__(self, root: str | os.PathLike[str], split: str = "train") -> None:
        require(split in LISTS, "split", f"one of {', '.join(LISTS)}", repr(split))
        trials = list(_trials(Path(root), split))
        tables = [trial.with_name(trial.stem + "_labels.csv") for trial in trials]
        rows = [gestures(_bytes(table), str(table)) for table in tables]
        self._samples = [(trial, row) for trial, of in zip(trials, rows, strict=True) for row in of]
        self._packets: dict[Path, aedat.Packets] = {}
        self.labels: Int64[np.ndarray, "S"] = np.array([row.label for _, row in self._samples], np.int64)
        self.identity = of_files("dvsgesture", [*trials, *tables], split=split, crop=CROP, halve=HALVE)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> tuple[Events, int]:
        """Read gesture `index`, with time counted from its start.

        Raises:
            InputError: a recording that cannot be read or is damaged, and whatever `reduce` finds.
        """
        file, gesture = self._samples[index]
        source = f"{file}: {NAMES[gesture.label]} from {gesture.start_us} µs"
        if file not in self._packets:
            self._packets[file] = aedat.index(_bytes(file), str(file))
        packets = self._packets[file].between(gesture.start_us, gesture.end_us)
        require(len(packets.start) > 0, source, "at least one event", "none at that time", UNPACK_AGAIN)
        begin, end = int(packets.start[0]), int(packets.start[-1] + packets.count[-1] * aedat.EVENT.itemsize)
        raw = _bytes(file, begin, end - begin)
        require(len(raw) == end - begin, str(file), "the file as it was", "a shorter one", UNPACK_AGAIN)
        return reduce(aedat.read(raw, packets, at=begin), gesture, source), gesture.label


def _trials(root: Path, split: str) -> Iterator[Path]:
    folder = root / FOLDER if (root / FOLDER).is_dir() else root
    for name in LISTS[split]:
        listed = folder / name
        require(listed.is_file(), str(listed), "the list of recordings", "no such file", GET_IT)
        for line in _bytes(listed).decode("utf-8", "replace").splitlines():
            trial = line.strip()
            # a name with a folder in it could lead out of the data set
            usual = trial == Path(trial).name and trial.endswith(".aedat")
            require(usual or not trial, f"{listed}", "names of .aedat files", repr(trial[:60]), UNPACK_AGAIN)
            if trial:
                require((folder / trial).is_file(), str(folder / trial), "a recording", "no such file", UNPACK_AGAIN)
                yield folder / trial


def _bytes(file: Path, start: int = 0, count: int = -1) -> bytes:
    try:
        with open(file, "rb") as opened:
            opened.seek(start)
            return opened.read(count)
    except OSError as error:
        raise InputError(f"{file}: expected a readable file, got {error.strerror}; {UNPACK_AGAIN}") from error
