"""metrics.csv and TensorBoard say what metrics.jsonl says."""

import builtins
import csv
import io
import sys
from pathlib import Path
from typing import Any

import pytest
from recordings import small_config, write_nmnist

from spikeloom import InputError
from spikeloom.train import logs, session
from spikeloom.train.metrics import Metrics, read
from spikeloom.train.report import Report

LINES = [
    Metrics(1, "train", 0.5, 0.25, {"input": 0.01, "layer 1": 0.1}, 99.5, 2.0, 0.001, 0.03),
    Metrics(1, "validation", 0.4, 0.75, {"input": 0.02, "layer 1": 0.2}, 50.0, 1.0, None, 0.0),
    Metrics(2, "train", 0.3, 0.5, {"input": 0.01, "layer 1": 0.3}, 99.0, 2.0, 0.002, 0.03),
]


def points(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard would draw."""
    accumulators = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    found = accumulators.EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    return {tag: [(p.step, p.value) for p in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_a_row_for_each_line_and_a_column_for_each_number() -> None:
    rows = list(csv.DictReader(io.StringIO(logs.to_csv(LINES))))
    assert rows[0] == {
        "epoch": "1",
        "split": "train",
        "loss": "0.5",
        "accuracy": "0.25",
        "samples_per_s": "99.5",
        "seconds": "2.0",
        "learning_rate": "0.001",
        "loader_share": "0.03",
        "activity input": "0.01",
        "activity layer 1": "0.1",
    }
    assert rows[1]["learning_rate"] == ""
    assert [row["loss"] for row in rows] == ["0.5", "0.4", "0.3"]


def test_writing_replaces_the_table(tmp_path: Path) -> None:
    logs.write_csv(tmp_path, LINES)
    logs.write_csv(tmp_path, LINES[:1])
    assert (tmp_path / "metrics.csv").read_text(encoding="utf-8") == logs.to_csv(LINES[:1]).replace("\r\n", "\n")


def test_tensorboard_has_a_curve_for_each_number_and_split(tmp_path: Path) -> None:
    board = logs.TensorBoard(tmp_path, LINES[:1])
    for line in LINES[1:]:
        board.add(line)
    board.close()
    drawn = points(tmp_path)
    assert drawn["loss/train"] == [(1, pytest.approx(0.5)), (2, pytest.approx(0.3))]
    assert drawn["accuracy/validation"] == [(1, 0.75)]
    assert drawn["activity/layer 1/train"] == [(1, pytest.approx(0.1)), (2, pytest.approx(0.3))]
    assert "learning_rate/validation" not in drawn


def test_no_point_is_there_twice_after_a_resume(tmp_path: Path) -> None:
    for lines in (LINES[:2], LINES):
        logs.TensorBoard(tmp_path, lines).close()
    assert [step for step, _ in points(tmp_path)["loss/train"]] == [1, 2]


def test_a_run_writes_both(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    config = small_config(write_nmnist(tmp_path / "data"), tensorboard="true")
    session.train(config, tmp_path / "run", Report(io.StringIO()))
    lines = read(tmp_path / "run" / "metrics.jsonl")
    drawn = points(tmp_path / "run")
    for split in ("train", "validation", "test"):
        own = [line for line in lines if line.split == split]
        assert drawn[f"loss/{split}"] == [(line.epoch, pytest.approx(line.loss)) for line in own]
    with (tmp_path / "run" / "metrics.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["epoch"]), row["split"], float(row["loss"])) for row in rows] == [
        (line.epoch, line.split, line.loss) for line in lines
    ]


def test_without_tensorboard_the_run_does_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if "tensorboard" in name:
            raise ModuleNotFoundError(f"No module named {name!r}")
        return original(name, *rest)

    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", absent)
    config = small_config(tmp_path / "data", tensorboard="true")
    message = r"tensorboard: expected its package to be installed, got .*; pip install spikeloom\[tensorboard\], or set"
    with pytest.raises(InputError, match=message):
        session.train(config, tmp_path / "run", Report(io.StringIO()))
    assert not (tmp_path / "run").exists()
