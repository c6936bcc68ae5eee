"""Headlines, warnings and settings."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from reports import lines

from spikeloom.show import summary
from spikeloom.show.record import Record
from spikeloom.show.summary import Subject
from spikeloom.train import recipes
from spikeloom.train.config import Config

Make = Callable[..., Subject]


def test_an_interval_holds_its_share() -> None:
    # The examples of Newcombe (1998), table I, method 3.
    for hits, samples, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (1, 29, 0.0061, 0.1718)]:
        assert summary.interval(hits / samples, samples) == pytest.approx((low, high), abs=5e-5)
    assert summary.interval(1.0, 50)[1] == pytest.approx(1.0)
    assert summary.interval(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_tiles(subject: Make) -> None:
    found = {name: (value, said) for name, value, said in summary.tiles(subject())}
    assert list(found) == ["test accuracy", "chosen epoch", "samples", "synaptic operations", "time"]
    assert found["chosen epoch"][0] == "2"
    assert found["samples"] == ("50", "30 to train, 5 to validate, 15 to test")
    assert found["time"][0] == "8.0 s"


def test_tiles_without_samples_tell_what_the_run_wrote_down(tmp_path: Path) -> None:
    bare = Subject(Record(tmp_path, Config(), lines(), 0), "test", missing="gone")
    assert summary.tiles(bare)[0][1:] == ("70.0\N{NO-BREAK SPACE}%", "as the run wrote it down")
    empty = Subject(Record(tmp_path, Config(), [], 0), "test")
    assert summary.tiles(empty) == [("test accuracy", "–", "not known")]


def test_warnings_of_a_run_that_is_not_finished(tmp_path: Path) -> None:
    run = Record(tmp_path, Config(), lines(test=False), 1)
    said = summary.warnings(Subject(run, "test", missing="There are no weights."))
    assert said[0] == "There are no weights."
    assert said[1].startswith("This run is not finished: 3 of 10 epochs are done")
    assert f"--run {tmp_path} --resume" in said[1]
    assert said[2] == "1 line of metrics.jsonl could not be read and were left out."
    said = summary.warnings(Subject(Record(tmp_path, Config(), [], 0), "test"))
    assert said == ["No epoch of this run is complete: there are no curves."]


def test_doubts_about_what_was_found(subject: Make) -> None:
    made = subject()
    assert made.survey is not None
    said = " ".join(summary.warnings(made))
    assert "The run wrote down a test accuracy of 70.00" in said
    assert "Only 15 samples in the test split" in said
    made.survey.counts["layer 1"][:] = 0
    made.survey.predictions.predicted[:] = 0
    said = " ".join(summary.warnings(made))
    assert "layer 1: 24 of 24 neurons never spike (100" in said
    assert "Never found: class b" in said


def test_a_layer_that_spikes_all_the_time(subject: Make) -> None:
    made = subject()
    assert made.survey is not None
    made.survey.counts["layer 2"][:] = 15 * made.survey.steps
    assert any(text.startswith("layer 2 spikes at 100") for text in summary.warnings(made))


def test_settings_that_differ_from_the_recipes_are_marked() -> None:
    usual = recipes.named("digits")
    config = replace(usual, training=replace(usual.training, epochs=3, clip_norm=1.0))
    tables = dict(summary.settings_table(config))
    assert list(tables) == ["data", "network", "training"]
    changed = {key: (value, other) for rows in tables.values() for key, value, other in rows if other}
    assert changed == {"epochs": ("3", str(usual.training.epochs)), "clip_norm": ("1.0", "none")}
    unknown = dict(summary.settings_table(replace(config, recipe="mine")))
    assert any(key == "epochs" for key, _, _ in unknown["training"])
