"""The crossover of a GPU: found from times, kept in a file, measured anew where that is damaged."""

import json
import os
from pathlib import Path

import pytest
import torch

from spikeloom.ops import choice
from spikeloom.ops.crossover import ACTIVITIES, crossing, kept_crossover

KIND = {"gpu": "a GPU", "torch": "2.13.0", "triton": "3.9.0", "spikeloom": "0.1.0", "numbers": "float32"}


class Clock:
    """A sparse route that takes a time beside that of its spikes, and a dense one that always takes the same."""

    def __init__(self, at_least: float = 0.1, by_spike: float = 30.0, dense: float = 1.0) -> None:
        self.at_least, self.by_spike, self.dense = at_least, by_spike, dense
        self.asked: list[tuple[float, bool]] = []

    def __call__(self, activity: float, sparse: bool) -> float:
        self.asked.append((activity, sparse))
        return self.at_least + self.by_spike * activity if sparse else self.dense


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPIKELOOM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("by_spike", [4.0, 30.0, 300.0])
def test_lines_cross_where_their_times_are_equal(by_spike: float) -> None:
    clock = Clock(by_spike=by_spike)
    assert crossing(clock) == pytest.approx(0.9 / by_spike)
    first_slower = next(a for a in ACTIVITIES if a > 0.9 / by_spike)
    assert max(a for a, _ in clock.asked) == first_slower, "beyond the crossover nothing is timed"


def test_a_route_that_never_wins_and_one_that_always_does() -> None:
    assert crossing(Clock(at_least=2.0)) == 0.0
    assert crossing(Clock(by_spike=0.5)) == ACTIVITIES[-1]
    assert crossing(Clock(at_least=0.0, dense=30 * ACTIVITIES[0])) == pytest.approx(ACTIVITIES[0])


def test_what_is_measured_once_is_kept(folder: Path) -> None:
    first, other = Clock(), Clock(by_spike=300.0)
    found = kept_crossover(KIND, first)
    assert kept_crossover(KIND, other) == found
    assert not other.asked
    (file,) = folder.iterdir()
    assert json.loads(file.read_text()) == {**KIND, "crossover": found}


@pytest.mark.parametrize("name", KIND)
def test_each_kind_has_its_own(name: str) -> None:
    found = kept_crossover(KIND, Clock())
    assert kept_crossover({**KIND, name: "another"}, Clock(by_spike=300.0)) != found
    assert kept_crossover(KIND, Clock(by_spike=300.0)) == found


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[0.03]",
        '{"crossover": 0.5}',
        json.dumps({**KIND, "gpu": "another", "crossover": 0.5}),
        json.dumps({**KIND, "crossover": "0.5"}),
        json.dumps({**KIND, "crossover": 7.0}),
        json.dumps({**KIND, "crossover": float("nan")}),
        json.dumps({**KIND, "crossover": 0.5})[:-3],
        "\xff",
    ],
)
def test_a_damaged_file_is_measured_anew(folder: Path, content: str) -> None:
    found = kept_crossover(KIND, Clock())
    (file,) = folder.iterdir()
    file.write_bytes(content.encode("latin-1"))
    assert kept_crossover(KIND, Clock()) == found
    assert kept_crossover(KIND, Clock(by_spike=300.0)) == found, "and kept again"


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPIKELOOM_CACHE", str(tmp_path / "file" / "cache"))
    clock = Clock()
    assert kept_crossover(KIND, clock) == pytest.approx(0.03)
    monkeypatch.setenv("SPIKELOOM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "replace", _refuse)
    assert kept_crossover(KIND, clock) == pytest.approx(0.03)
    assert list((tmp_path / "cache").iterdir()) == [], "nothing unfinished is left behind"


def _refuse(*_: object) -> None:
    raise PermissionError


def test_the_choice_is_by_the_crossover_and_says_so() -> None:
    limit = choice.Crossover(0.02, "2.00% in float32, measured on this GPU")
    low = choice.choose(activity=0.01, window=0.0, crossover=limit)
    assert (low.sparse, low.kept) == (True, True)
    assert low.reason == (
        "1.00% of the ids active in the first batch, below the crossover of 2.00% in float32, measured on this GPU"
    )
    high = choice.choose(activity=0.018, window=0.05, crossover=limit)
    assert not high.sparse, "the window counts for a quarter"
    assert "above the crossover" in high.reason


def test_the_cpu_has_constants(folder: Path) -> None:
    for low in (False, True):
        found = choice.crossover(torch.device("cpu"), low=low)
        assert found.share in (choice.LOW_CROSSOVER if low else choice.CROSSOVER).values()
        assert found.name.endswith("in bfloat16") is low
    assert not folder.exists()
