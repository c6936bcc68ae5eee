"""A folder of one's own recordings, as npz or CSV."""

import csv
import hashlib
import io
import json
import os
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from spikeloom.checks import InputError, require
from spikeloom.data import events_csv, events_npz
from spikeloom.data.events import Events, Sensor
from spikeloom.data.identity import of_files

PARTS = ("train", "validation", "test")
ENDINGS = (".npz", ".csv")
SENSOR_FILE = "sensor.json"
LABELS_FILE = "labels.csv"
SENSOR_KEYS = ("width", "height", "polarities")

Labelled = tuple[Path, str]


class Folder:
    """Recordings of your own with labels, one file each: npz with the arrays t, x, y, p, or CSV with that first line.

    Times are whole microseconds from the start of the recording and do not decrease; x, y and p may be absent and are 0
    then. The folder holds

    * `sensor.json`, such as `{"width": 34, "height": 34, "polarities": 2}`, unless `sensor` is given;
    * either the folders `train`, `validation`, `test` (one or more of them), which are the splits, or the recordings
      themselves, which are the split "all" and can be split at random;
    * in each of these, the recordings by one of three rules: `labels.csv` with the first line `file,label` names files
      and labels; or each recording is in a folder named by its label; or npz files hold an array `label`.

    Labels are texts; in the order of their numbers where all are whole numbers, else of their letters, over all splits,
    they become 0 to classes - 1. Files that begin with a dot do not matter.

    Args:
        root: the folder.
        split: "train", "validation" or "test" where the folder is split, or "all".
        sensor: what the recordings were made with.

    Raises:
        InputError: a folder that is empty, or follows none or several of these rules. Files with wrong content raise
            when they are read.
    """

    def __init__(self, root: str | os.PathLike[str], split: str = "all", sensor: Sensor | None = None) -> None:
        folder = Path(root)
        require(folder.is_dir(), str(folder), "a folder of recordings", "no such folder")
        self.sensor = sensor or _sensor(folder / SENSOR_FILE)
        parts = {name: _list(folder / name) for name in PARTS if (folder / name).is_dir()} or {"all": _list(folder)}
        known = split == "all" or split in parts
        remedy = f"make folders of {', '.join(PARTS)}, or split all of them at random"
        require(known, "split", f"one of {', '.join({**parts, 'all': None})}", repr(split), remedy)
        chosen = parts[split] if split in parts else [entry for part in parts.values() for entry in part]
        self.class_names = _in_order({name for part in parts.values() for _, name in part})
        place = {name: label for label, name in enumerate(self.class_names)}
        self._files = [file for file, _ in chosen]
        self.labels: Int64[np.ndarray, "S"] = np.array([place[name] for _, name in chosen], np.int64)
        labels = hashlib.sha256(self.labels.tobytes()).hexdigest()  # labels.csv may give the same files others
        self.identity = of_files("folder", self._files, split=split, sensor=self.sensor, labels=labels)

    @property
    def classes(self) -> int:
        """How many labels there are."""
        return len(self.class_names)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> tuple[Events, int]:
        """Read sample `index`.

        Raises:
            InputError: a file that cannot be read, or is no recording of the sensor.
        """
        file = self._files[index]
        decode = events_npz.decode if file.suffix == ".npz" else events_csv.decode
        return decode(_bytes(file), self.sensor, str(file)), int(self.labels[index])


def _sensor(file: Path) -> Sensor:
    example = json.dumps(dict.fromkeys(SENSOR_KEYS[:2], 34) | {"polarities": 2})
    remedy = f"write the sensor's size there, such as {example}"
    require(file.is_file(), str(file), "a file", "no such file", remedy)
    try:
        told = json.loads(_bytes(file))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: expected JSON, got {error}; {remedy}") from error
    usable = isinstance(told, dict) and {"width", "height"} <= set(told) <= set(SENSOR_KEYS)
    usable = usable and all(type(value) is int for value in told.values())
    require(usable, str(file), f"whole numbers for {', '.join(SENSOR_KEYS)}", repr(told)[:80], remedy)
    return Sensor(**told)


def _list(folder: Path) -> list[Labelled]:
    """The recordings of one part with their labels, in the order of their names."""
    if (folder / LABELS_FILE).is_file():
        return _named(folder / LABELS_FILE)
    loose, inside = _recordings(folder), []
    for place in sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        inside += [(file, place.name) for file in _recordings(place)]
    remedy = "name folders by labels, or write labels.csv"
    require(bool(loose or inside), str(folder), "recordings (npz or csv) in folders", "none", remedy)
    got = f"{len(loose)} beside {len(inside)} in folders"
    require(not (loose and inside), str(folder), "all recordings in folders, or none", got, remedy)
    for file in loose:
        require(file.suffix == ".npz", str(file), "a label", "a CSV file outside of a folder", remedy)
    return inside or [(file, events_npz.label(_bytes(file), str(file))) for file in loose]


def _recordings(folder: Path) -> list[Path]:
    files = (entry for entry in folder.iterdir() if entry.suffix in ENDINGS and not entry.name.startswith("."))
    return sorted(file for file in files if file.is_file())


def _named(file: Path) -> list[Labelled]:
    remedy = "write the line file,label, then a file and its label a line"
    try:
        text = _bytes(file).decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: expected a table, got {error}; {remedy}") from error
    head = [cell.strip() for cell in rows[0]] if rows else []
    require(head == ["file", "label"], str(file), "a first line file,label", repr(",".join(head)[:60]), remedy)
    require(len(rows) > 1, str(file), "at least one recording", "none", remedy)
    return [_row(file, row, at) for at, row in enumerate(rows[1:], 1)]


def _row(table: Path, row: list[str], at: int) -> Labelled:
    source = f"{table}: row {at}"
    cells = [cell.strip() for cell in row]
    require(len(cells) == 2 and all(cells), source, "a file and its label", repr(",".join(cells)[:60]))
    name, label = cells
    usual = "\0" not in name and Path(name).suffix in ENDINGS
    require(usual, source, f"a file that ends in {' or '.join(ENDINGS)}", repr(name[:60]))
    recording = table.parent / name
    require(recording.is_file(), source, "a file in the folder", f"no {name!r}", "put it there or remove the row")
    return recording, label


def _in_order(names: set[str]) -> tuple[str, ...]:
    numbers = all(name.isascii() and name.removeprefix("-").isdigit() and len(name) < 19 for name in names)
    return tuple(sorted(names, key=lambda name: (int(name), name)) if numbers else sorted(names))


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: expected a readable file, got {error.strerror}; put it back") from error
