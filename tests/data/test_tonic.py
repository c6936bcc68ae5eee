"""Data sets of tonic, and what looks like them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.formats import SHD_KEYS, write_heidelberg

from spikeloom import InputError
from spikeloom.data.events import Sensor
from spikeloom.data.nmnist import NMNIST
from spikeloom.data.shd import SHD
from spikeloom.data.tonic import from_tonic

XYTP = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])
TXP = np.dtype([("t", int), ("x", int), ("p", int)])


class Fake:
    """A data set as tonic's are; attributes are given by name."""

    sensor_size: Any = (6, 5, 2)

    def __init__(self, samples: list[Any], labels: list[Any], **attributes: Any) -> None:
        self.samples, self.answers, self.reads = samples, labels, 0
        self.__dict__.update(attributes)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        self.reads += 1
        return self.samples[index], self.answers[index]


def _events(*rows: tuple[int, ...]) -> np.ndarray:
    return np.array(list(rows), XYTP)


TWO = [_events((5, 4, 20, 1), (0, 1, 10, 0)), _events((1, 1, 3, 1))]


def test_events_are_read_by_name_and_sorted() -> None:
    data = from_tonic(Fake(TWO, [2, 0], targets=[2, 0], classes=["a", "b", "c"]))
    events, label = data[0]
    assert label == 2
    assert (events.t_us.tolist(), events.x.tolist()) == ([10, 20], [0, 5])
    assert (events.y.tolist(), events.p.tolist()) == ([1, 4], [0, 1])
    assert (data.classes, data.class_names, data.sensor) == (3, ("a", "b", "c"), Sensor(6, 5, 2))
    assert data.labels.tolist() == [2, 0]
    with pytest.raises(IndexError):
        data[2]


def test_no_sample_is_read_where_the_labels_are_told() -> None:
    fake = Fake(TWO, [2, 0], targets=[2, 0], target_transform=None)
    assert (from_tonic(fake).labels.tolist(), fake.reads) == ([2, 0], 0)
    assert (from_tonic(fake, labels=[1, 1]).labels.tolist(), fake.reads) == ([1, 1], 0)
    fake = Fake(TWO, [2, 0], targets=[])  # so does tonic's SHD
    assert (from_tonic(fake).labels.tolist(), fake.reads) == ([2, 0], 2)
    fake = Fake(TWO, [1, 0], targets=[2, 1], target_transform=lambda label: label - 1)
    assert (from_tonic(fake).labels.tolist(), fake.reads) == ([1, 0], 2)


@pytest.mark.parametrize(
    ("labels", "classes", "expected", "names"),
    [
        (["dog", "cat"], None, [1, 0], ("cat", "dog")),
        (["dog", "cat"], ["dog", "bird", "cat"], [0, 2], ("dog", "bird", "cat")),
        ([1, 0], {"truck": 1, "bird": 0}, [1, 0], ("bird", "truck")),
        ([np.int64(1), np.array(0)], np.array([b"null", b"eins"]), [1, 0], ("null", "eins")),
        ([3, 1], None, [3, 1], ("0", "1", "2", "3")),
    ],
)
def test_labels_of_any_kind(labels: list[Any], classes: Any, expected: list[int], names: tuple[str, ...]) -> None:
    fake = Fake(TWO, labels, classes=classes) if classes is not None else Fake(TWO, labels)
    data = from_tonic(fake)
    assert (data.labels.tolist(), data.class_names) == (expected, names)


def test_a_sensor_of_one_row_has_no_y_and_one_polarity() -> None:
    data = from_tonic(Fake([np.array([(7, 699, 1)], TXP)], [0], sensor_size=(700, 1, 1)))
    events, _ = data[0]
    assert (events.t_us.tolist(), events.x.tolist(), events.y.tolist(), events.p.tolist()) == ([7], [699], [0], [0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: from_tonic(Fake(TWO, [0, 0], sensor_size=None)),
            "^dataset: expected a data set of tonic with sensor_si",
        ),
        (lambda: from_tonic(Fake([], [])), "^dataset: expected at least one sample, got none"),
        (lambda: from_tonic(Fake(TWO, [0, 0]), labels=[0]), "^labels: expected 2, one a sample, got 1"),
        (lambda: from_tonic(Fake(TWO, [0, {}])), "^label of sample 1: expected a whole number or a text, got {}"),
        (lambda: from_tonic(Fake(TWO, [0, 0.5])), "^label of sample 1: expected a whole number or a text, got 0.5"),
        (lambda: from_tonic(Fake(TWO, [0, "a"])), "^labels: expected whole numbers only, or texts only, got both"),
        (lambda: from_tonic(Fake(TWO, [0, 2], classes="ab")), "^labels: expected 0 to 1, got 2"),
        (lambda: from_tonic(Fake(TWO, [-1, 0])), "^labels: expected 0 to 0, got -1"),
        (lambda: from_tonic(Fake(TWO, ["c", "a"], classes="ab")), "^labels: expected one of a, b, got 'c'"),
        (
            lambda: from_tonic(Fake([np.ones((2, 3))], [0]))[0],
            "^sample 0 of Fake: expected an array with the fields t, x",
        ),
        (lambda: from_tonic(Fake([None], [0]))[0], "^sample 0 of Fake: expected an array with the fields t, x, y, p"),
        (
            lambda: from_tonic(Fake(TWO, [0, 0], sensor_size=(3, 5, 2)))[0],
            "^sample 0 of Fake: x: expected 0 to 2, got 5",
        ),
        (
            lambda: from_tonic(Fake([np.array([(0.5,)], [("t", float)])], [0]))[0],
            r"^sample 0 of Fake: t: expected a row of integers, got float64 of shape \(1,\)",
        ),
    ],
)
def test_what_cannot_be_used_is_named(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_the_real_tonic_reads_nmnist_alike(nmnist_folder: Path) -> None:
    tonic = pytest.importorskip("tonic", reason="tonic, an optional extra, is not installed")
    (nmnist_folder / "NMNIST").mkdir()
    for name in ("Train", "Test"):
        os.rename(nmnist_folder / name, nmnist_folder / "NMNIST" / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tonic.datasets.NMNIST, "_check_exists", lambda self: True)  # it looks for 70,000 files
        data = from_tonic(tonic.datasets.NMNIST(str(nmnist_folder)))
    ours = NMNIST(nmnist_folder / "NMNIST")
    assert (data.classes, data.sensor) == (ours.classes, ours.sensor)
    assert sorted(data.labels.tolist()) == ours.labels.tolist()
    assert {_all(*data[i]) for i in range(4)} == {_all(*ours[i]) for i in range(4)}


def test_the_real_tonic_reads_shd_alike(tmp_path: Path) -> None:
    tonic = pytest.importorskip("tonic", reason="tonic, an optional extra, is not installed")
    folder = tmp_path / "SHD"
    folder.mkdir()
    write_heidelberg(folder / "shd_train.h5", [([0.25, 0.5], [1, 2]), ([0.125], [699])], [4, 19], speakers=[0, 1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tonic.datasets.SHD, "_check_exists", lambda self: True)  # it wants the archive as well
        data = from_tonic(tonic.datasets.SHD(str(tmp_path)))
    ours = SHD(folder)
    assert data.class_names == ours.class_names == tuple(key.decode() for key in SHD_KEYS)
    assert data.labels.tolist() == [4, 19]
    assert [_all(*data[i]) for i in range(2)] == [_all(*ours[i]) for i in range(2)]


def _all(events: Any, label: int) -> tuple[object, ...]:
    return (label, *(tuple(getattr(events, name).tolist()) for name in ("t_us", "x", "y", "p")))
