"""What is read from run folders."""

from pathlib import Path

import pytest
from studies_folders import write_run

from spikeloom import InputError
from studies.accuracy import records as read

CURVE = [0.5, 0.7, 0.8]


def test_a_run(tmp_path: Path) -> None:
    write_run(tmp_path, "fsdd", "window", "theo", 1, accuracy=0.75, validation=CURVE, epoch_s=2.0, stands_for=["adlif"])
    (record,) = read.read_all(tmp_path)
    assert (record.key, record.accuracy, record.validation) == (("theo", 1), 0.75, CURVE)
    assert record.seconds == [2.0, 4.0, 6.0]
    assert record.activity == [0.05, 0.03]
    assert record.samples_per_s == 802.0
    assert record.memory_mb == pytest.approx(80.0)
    assert read.of([record], "fsdd", "adlif") == [record]
    assert read.of([record], "nmnist_small", "window") == []


def test_what_is_not_finished_is_left_out(tmp_path: Path) -> None:
    write_run(tmp_path, "fsdd", "window", "theo", 0, accuracy=0.75, validation=CURVE, finished=False)
    assert read.read_all(tmp_path) == []


def test_a_broken_run_is_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path, "fsdd", "window", "theo", 0, accuracy=0.75, validation=CURVE)
    (folder / "metrics.jsonl").unlink()
    with pytest.raises(InputError, match=f"{folder}: expected a finished run.*; delete it"):
        read.read_all(tmp_path)


def test_epochs_and_seconds_to_the_target_of_the_dense_run(tmp_path: Path) -> None:
    # Dense ends with 0.8, so the target is 0.76: in its own third epoch, in the window's second, never with the cap.
    write_run(tmp_path, "fsdd", "dense", "theo", 0, accuracy=0.7, validation=CURVE, epoch_s=5.0)
    write_run(tmp_path, "fsdd", "window", "theo", 0, accuracy=0.7, validation=[0.6, 0.77, 0.7], epoch_s=1.0)
    write_run(tmp_path, "fsdd", "cap1", "theo", 0, accuracy=0.7, validation=[0.6, 0.6, 0.75])
    write_run(tmp_path, "fsdd", "cap1", "theo", 1, accuracy=0.7, validation=[0.9, 0.9, 0.9])
    records = read.read_all(tmp_path)
    dense, window, cap = (read.of(records, "fsdd", name) for name in ("dense", "window", "cap1"))
    assert read.epochs_to_target(dense, dense) == {("theo", 0): 3}
    assert read.epochs_to_target(window, dense) == {("theo", 0): 2}
    assert read.epochs_to_target(cap, dense) == {("theo", 0): None}, "a run without a dense one has no target"
    assert read.seconds_to_target(dense, dense) == {("theo", 0): 15.0}
    assert read.seconds_to_target(window, dense) == {("theo", 0): 2.0}
    assert read.seconds_to_target(cap, dense) == {}
