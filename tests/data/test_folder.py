"""A folder of one's own recordings: its rules, and what it says where none of them holds."""

from pathlib import Path

import numpy as np
import pytest

from spikeloom import InputError
from spikeloom.data.events import Sensor
from spikeloom.data.folder import Folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "sensor.json").write_text('{"width": 6, "height": 5, "polarities": 2}')
    return tmp_path


def _csv(file: Path, x: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"t,x,y,p\n10,{x},4,1\n")


def _npz(file: Path, x: int, **more: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, t=[10], x=[x], **more)  # type: ignore[arg-type]


def _firsts(data: Folder) -> list[tuple[int, int]]:
    return [(int(data[i][0].x[0]), data[i][1]) for i in range(len(data))]


def test_folders_named_by_labels_in_splits(root: Path) -> None:
    _csv(root / "train" / "10" / "b.csv", 1)
    _npz(root / "train" / "10" / "a.npz", 0)
    _npz(root / "train" / "9" / "c.npz", 2)
    _csv(root / "test" / "-1" / "d.csv", 3)
    train, test, every = Folder(root, "train"), Folder(root, "test"), Folder(root)
    assert train.class_names == test.class_names == every.class_names == ("-1", "9", "10")
    assert (train.classes, train.sensor) == (3, Sensor(6, 5, 2))
    assert _firsts(train) == [(0, 2), (1, 2), (2, 1)]
    assert _firsts(test) == [(3, 0)]
    assert _firsts(every) == [(0, 2), (1, 2), (2, 1), (3, 0)]
    assert every.labels.tolist() == [2, 2, 1, 0]
    with pytest.raises(InputError, match="^split: expected one of train, test, all, got 'validation'; make folders of"):
        Folder(root, "validation")


def test_folders_named_by_labels_without_splits(root: Path) -> None:
    _csv(root / "dog" / "b.csv", 1)
    _csv(root / "cat" / "c.csv", 2)
    _csv(root / ".hidden" / "c.csv", 2)
    (root / "cat" / "notes.txt").write_text("x")
    assert Folder(root).class_names == ("cat", "dog")
    assert _firsts(Folder(str(root))) == [(2, 0), (1, 1)]
    with pytest.raises(
        InputError, match="^split: expected one of all, got 'train'; make folders of train, validation, t"
    ):
        Folder(root, "train")


def test_a_table_of_labels(root: Path) -> None:
    _csv(root / "a.csv", 1)
    _npz(root / "deep" / "b.npz", 2)
    (root / "labels.csv").write_text('file,label\r\ndeep/b.npz,two\r\n\r\na.csv,"one, or so"\r\n')
    data = Folder(root)
    assert data.class_names == ("one, or so", "two")
    assert _firsts(data) == [(2, 1), (1, 0)]


def test_labels_inside_of_npz_files(root: Path) -> None:
    for name, label in (("a", 11), ("b", 2), ("c", 11)):
        _npz(root / f"{name}.npz", 3, label=label)
    data = Folder(root)
    assert (data.class_names, data.labels.tolist()) == (("2", "11"), [1, 0, 1])


def test_a_sensor_may_be_given_and_is_checked(tmp_path: Path) -> None:
    _csv(tmp_path / "cat" / "a.csv", 5)
    with pytest.raises(InputError, match=r'sensor.json: expected a file, got no such file; write the .*"width": 34'):
        Folder(tmp_path)
    data = Folder(tmp_path, sensor=Sensor(3, 5, 2))
    with pytest.raises(InputError, match=r"a.csv: x: expected 0 to 2, got 5 in event 0"):
        data[0]


@pytest.mark.parametrize(
    "told", ["{", "[1]", '{"width": 3}', '{"width": 3.5, "height": 2}', '{"width": 3, "height": 2, "a": 1}']
)
def test_another_description_of_the_sensor_is_named(root: Path, told: str) -> None:
    (root / "sensor.json").write_text(told)
    with pytest.raises(
        InputError, match=r"sensor.json: expected (JSON|whole numbers for width, height, polarities), got"
    ):
        Folder(root)
    (root / "sensor.json").write_text('{"width": 0, "height": 2}')
    with pytest.raises(InputError, match="^sensor width: expected at least 1, got 0"):
        Folder(root)


def test_identity_tells_files_labels_and_sensors_apart(root: Path) -> None:
    _csv(root / "a.csv", 1)
    _csv(root / "b.csv", 1)
    (root / "labels.csv").write_text("file,label\na.csv,0\nb.csv,1\n")
    before = Folder(root).identity
    assert before == Folder(root).identity
    (root / "labels.csv").write_text("file,label\na.csv,1\nb.csv,0\n")
    assert before != Folder(root).identity
    assert before != Folder(root, sensor=Sensor(7, 5, 2)).identity


def test_mixed_and_empty_folders_are_named(root: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: expected a folder of recordings, got no such folder"):
        Folder(root / "nowhere")
    with pytest.raises(InputError, match=r"expected recordings \(npz or csv\) in folders, got none; name folders"):
        Folder(root)
    _csv(root / "a.csv", 1)
    with pytest.raises(InputError, match=r"a.csv: expected a label, got a CSV file outside of a folder; name folders"):
        Folder(root)
    _csv(root / "cat" / "a.csv", 1)
    with pytest.raises(InputError, match=r"expected all recordings in folders, or none, got 1 beside 1 in folders"):
        Folder(root)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "expected a first line file,label, got ''; write the line"),
        ("a.csv,1\n", "expected a first line file,label, got 'a.csv,1'"),
        ("file,label\n", "expected at least one recording, got none"),
        ("file,label\na.csv\n", "row 1: expected a file and its label, got 'a.csv'"),
        ("file,label\na.csv,\n", "row 1: expected a file and its label, got 'a.csv,'"),
        ("file,label\na.txt,1\n", "row 1: expected a file that ends in .npz or .csv, got 'a.txt'"),
        ("file,label\ngone.csv,1\n", "row 1: expected a file in the folder, got no 'gone.csv'; put it there"),
        ('file,label\n"' + "a" * 200_000, "expected a table, got field larger than field limit"),
    ],
)
def test_a_wrong_table_is_named(root: Path, table: str, message: str) -> None:
    (root / "labels.csv").write_text(table)
    with pytest.raises(InputError, match=message):
        Folder(root)
