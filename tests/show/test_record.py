"""What a run folder says, whole or not."""

import json
from pathlib import Path

import pytest

from spikeloom import InputError
from spikeloom.show import record
from spikeloom.train import settings
from spikeloom.train.config import Config

LINE = {"epoch": 1, "split": "train", "loss": 1.0, "accuracy": 0.5, "activity": {"input": 0.1}, "samples_per_s": 10.0}


def folder_with(path: Path, *texts: str) -> Path:
    (path / "config.toml").write_text(settings.to_toml(Config(recipe="mine")))
    (path / "metrics.jsonl").write_text("".join(text + "\n" for text in texts))
    return path


def line(**changes: object) -> str:
    return json.dumps(LINE | changes)


def test_the_lines_of_a_run(trained: Path) -> None:
    run = record.read(trained)
    assert run.epochs == 4
    assert len(run.of("train")) == len(run.of("validation")) == 4
    assert run.test is not None
    assert run.chosen == run.test.epoch
    assert run.unreadable == 0
    assert set(run.of("train")[0].activity) == {"input", "layer 1", "layer 2"}


def test_fields_that_a_run_did_not_write_are_absent(tmp_path: Path) -> None:
    run = record.read(folder_with(tmp_path, line(), line(epoch=2, seconds=3.0, learning_rate=0.01, loader_share=0.1)))
    first, second = run.lines
    assert (first.seconds, first.learning_rate, first.loader_share) == (None, None, None)
    assert (second.seconds, second.learning_rate, second.loader_share) == (3.0, 0.01, 0.1)
    assert run.seconds == 3.0
    assert run.test is None
    assert run.chosen == 2


def test_without_a_test_the_best_epoch_on_validation_is_the_chosen_one(tmp_path: Path) -> None:
    scores = [(1, 0.7, 1.0), (2, 0.9, 0.5), (3, 0.9, 0.4), (4, 0.8, 0.1)]
    texts = [line(epoch=e, split="validation", accuracy=a, loss=loss) for e, a, loss in scores]
    assert record.read(folder_with(tmp_path, *texts)).chosen == 3


def test_an_epoch_that_was_done_again_counts_once(tmp_path: Path) -> None:
    run = record.read(folder_with(tmp_path, line(loss=1.0), line(epoch=2), line(loss=0.5)))
    assert [(one.epoch, one.loss) for one in run.lines] == [(1, 0.5), (2, 1.0)]


@pytest.mark.parametrize(
    "broken", ['{"epoch": 1, "spl', "[]", "3", line(loss=float("nan")), line(accuracy=7), line(epoch="one"), "\x00"]
)
def test_lines_that_a_crash_left_half_written_are_counted(tmp_path: Path, broken: str) -> None:
    run = record.read(folder_with(tmp_path, line(), broken))
    assert len(run.lines) == 1
    assert run.unreadable == 1


def test_no_metrics_at_all(tmp_path: Path) -> None:
    folder_with(tmp_path)
    (tmp_path / "metrics.jsonl").unlink()
    run = record.read(tmp_path)
    assert (run.epochs, run.chosen, run.test, run.seconds) == (0, None, None, None)


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run folder: expected a folder that spikeloom train made, got .*nowhere"):
        record.read(tmp_path / "nowhere")
    with pytest.raises(InputError, match="config.toml: expected a file of settings"):
        record.read(tmp_path)
