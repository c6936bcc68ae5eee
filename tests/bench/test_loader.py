"""A whole measurement of the loader on a small data set, and its one line of JSON."""

import json
from pathlib import Path

import numpy as np
import pytest
from bench.small import TINY, tiny

from spikeloom import InputError
from spikeloom.bench import loader
from spikeloom.data import converted


@pytest.fixture(scope="module")
def result() -> loader.Result:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"EVENTS": 200, "ROUNDS": 1, "STEPS": 2, "SHARE_STEPS": 3}.items():
            patch.setattr(loader, name, value)
        nets = {"small": tiny(), "recurrent": tiny(recurrent=True)}
        return loader.measure(loader.Synthetic(TINY, 60), 1, nets)


def test_figures_fit_each_other(result: loader.Result) -> None:
    assert (result.samples, result.megabytes) == (60, pytest.approx(60 * 200 * 6e-6))
    assert result.nets.keys() == {"small", "recurrent"}
    for net in result.nets.values():
        assert net.ratio == pytest.approx(result.augmented / net.samples_per_s)
        assert 0 < net.share < 1
    assert result.plain > 0 < result.convert_s


def test_what_was_converted_is_removed(result: loader.Result) -> None:
    folder: Path = converted.folder_of(loader.Synthetic(TINY, 60), 0.0)
    assert folder.parent.is_dir()
    assert not folder.exists()


def test_recordings_depend_on_their_index_alone() -> None:
    first, again = loader.Synthetic(TINY, 6), loader.Synthetic(TINY, 9)
    events = first[4][0].check(first.sensor, "sample 4")
    assert np.array_equal(events.t_us, again[4][0].t_us)
    assert np.array_equal(events.x, again[4][0].x)
    assert not np.array_equal(events.x, first[5][0].x)
    assert first.identity != again.identity
    assert events.t_us[-1] < 1000 * loader.DT_MS * TINY.steps


def test_run_prints_one_line_or_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], result: loader.Result
) -> None:
    monkeypatch.setattr(loader, "measure", lambda dataset, threads, nets: result)
    assert loader.run("shd", 96, 1, True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["nets"]["small"]["ratio"] == result.nets["small"].ratio
    assert loader.run("shd", 96, 1, False) == 0
    said = capsys.readouterr().out
    for words in ("60 recordings", "with augmentation", "peak memory grows by", "recurrent:", "of training"):
        assert words in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mnist", 60, 1), "^case: expected one of nmnist, shd, dvs, got 'mnist'"),
        (("shd", 60, 0), "^threads: expected at least 1, got 0"),
        (("shd", 10, 1), "^samples: expected at least 96, two batches, got 10"),
    ],
)
def test_arguments_are_checked(arguments: tuple[str, int, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        loader.run(*arguments, False)
