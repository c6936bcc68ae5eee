"""Time to accuracy: the same network and batches for all, seconds of training alone, a row for who gets there."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recordings import small_config, write_nmnist

from benchmarks import accuracy
from benchmarks.accuracy import Course, Outcome
from benchmarks.contestants import contestants
from spikeloom import InputError
from spikeloom.train import recipes
from spikeloom.train.config import Config
from spikeloom.train.datasets import loaders


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return small_config(write_nmnist(tmp_path / "data"), validation="0")


def test_contestants_start_from_the_same_network(config: Config) -> None:
    found = loaders(config)
    batches = list(found.train)
    spikes = batches[0][0]
    answers = [one.classify(one.prepare(spikes)) for one in contestants(config, found.train.dataset, batches)]
    for classes, activity in answers:
        assert activity == pytest.approx(answers[0][1], rel=0.1)
        assert float((classes == answers[0][0]).float().mean()) > 0.7
    with pytest.raises(InputError, match="only: expected one of ours_auto"):
        contestants(config, found.train.dataset, batches, ["nobody"])


def test_seconds_grow_until_the_target_is_reached(config: Config) -> None:
    names = ["ours_auto", "torch_folded"]
    short = replace(config, training=replace(config.training, epochs=2))
    easy = accuracy.race(short, 0.0, names, lambda text: None)
    hard = accuracy.race(short, 1.1, names, lambda text: None)
    assert {name: one.epochs for name, one in easy.items()} == dict.fromkeys(names, 1)
    assert {name: one.epochs for name, one in hard.items()} == dict.fromkeys(names, 2)
    assert all(one.seconds > 0 and 0 <= one.accuracy <= 1 for one in hard.values())
    assert easy["ours_auto"].layers == (2312, 32, 16, 10)


def test_who_never_gets_there_has_no_row(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    def race(config: Config, *arguments: Any) -> Mapping[str, Outcome]:
        seed = config.training.seed
        late = Outcome(9.0, 2, (70, 32, 10), 0.95 if seed else 0.85, (0.02,))
        return {"ours_auto": Outcome(1.0 + seed, 3 + seed, (70, 32, 10), 0.95, (0.02,)), "torch_folded_bf16": late}

    monkeypatch.setattr(accuracy, "race", race)
    monkeypatch.setattr(recipes, "named", lambda name: config)
    monkeypatch.setitem(accuracy.COURSES, "small", Course("nmnist", "", 0.9, {}))
    made, left_out = accuracy.measure("small", Path(config.data.path or ""), 3, None, lambda text: None)
    (row,) = made
    assert (row["case"], row["implementation"], row["median_ms"]) == ("accuracy/small", "ours_auto", 2000.0)
    assert (row["layers"], row["quartiles_ms"]) == ([70, 32, 10], [1500.0, 2500.0])
    assert row["note"] == "seconds until 90% of the test samples are right, after 3, 4, 5 epochs"
    assert left_out == {"torch_folded_bf16": "1 of 3 runs end below 90%, the best of them at 85.0%"}


def test_data_that_are_not_there_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data", str(tmp_path), "--course", "nmnist_small", "--out", str(tmp_path / "out")]
    assert accuracy.main(arguments) == 2
    assert "nmnist_small" in capsys.readouterr().err


def test_every_course_is_one_that_plain_torch_can_run() -> None:
    from spikeloom.train import settings

    for course in accuracy.COURSES.values():
        own = settings.override(recipes.named(course.recipe), dict(course.changes))
        assert (own.network.neuron, own.network.readout, own.network.learn) == ("lif", "li", ())
        assert (own.training.accumulate, own.training.clip_norm, own.training.activity_penalty) == (1, None, 0.0)
