"""What metrics.jsonl holds."""

import json
from pathlib import Path

import pytest
import torch

from spikeloom import InputError
from spikeloom.train import metrics
from spikeloom.train.metrics import Metrics, Tally


def test_means_go_by_samples_and_not_by_batches() -> None:
    tally = Tally()
    tally.add(1.0, torch.tensor([0, 1, 2]), torch.tensor([0, 1, 1]), {"input": 0.1, "layer 1": 0.4})
    tally.add(5.0, torch.tensor([0]), torch.tensor([1]), {"input": 0.5, "layer 1": 0.0})
    result = tally.metrics(3, "train")
    assert (result.epoch, result.split, result.loss, result.accuracy) == (3, "train", 2.0, 0.5)
    assert result.activity == pytest.approx({"input": 0.2, "layer 1": 0.3})
    assert result.samples_per_s > 0


def test_a_line_is_one_object_and_lines_add_up(tmp_path: Path) -> None:
    lines = [Metrics(1, "train", 0.5, 0.25, {"input": 0.01}, 99.5), Metrics(1, "test", 0.4, 0.75, {"input": 0.02}, 1.0)]
    for line in lines:
        metrics.append(tmp_path / "metrics.jsonl", line)
    assert metrics.read(tmp_path / "metrics.jsonl") == lines
    first, _ = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert json.loads(first) == {
        "epoch": 1,
        "split": "train",
        "loss": 0.5,
        "accuracy": 0.25,
        "activity": {"input": 0.01},
        "samples_per_s": 99.5,
        "seconds": 0.0,
        "learning_rate": None,
        "loader_share": None,
    }


def test_no_file_is_no_lines_and_a_broken_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert metrics.read(path) == []
    for broken in ('{"epoch": 1', '{"epoch": 1}', "[]"):
        path.write_text(broken)
        with pytest.raises(InputError, match="metrics.jsonl: expected a line of metrics per epoch and split, got "):
            metrics.read(path)


def test_in_words() -> None:
    assert metrics.activity_in_words({"input": 0.01, "layer 1": 0.034}) == "input 1.00%, layer 1 3.40%"
