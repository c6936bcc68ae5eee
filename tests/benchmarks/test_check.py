"""The guard fails on a loss that shows twice, and on nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import check, rows

BEFORE = {"feed-forward": 10.0, "recurrent": 8.0}


def answers(*ratios: dict[str, float]) -> Callable[[], dict[str, float]]:
    left = list(ratios)
    return lambda: left.pop(0)


def test_a_loss_that_shows_twice_fails(capsys: pytest.CaptureFixture[str]) -> None:
    lost = {"feed-forward": 8.4, "recurrent": 8.0}
    assert check.judge(BEFORE, answers(lost, lost)) == 1
    printed = capsys.readouterr().out
    assert "feed-forward: 8.40, stored 10.00  LOST" in printed
    assert "1 of 2 ratios lost more than 15%" in printed


def test_what_is_within_bounds_or_was_noise_passes() -> None:
    assert check.judge(BEFORE, answers({"feed-forward": 8.6, "recurrent": 99.0})) == 0
    assert check.judge(BEFORE, answers({"feed-forward": 1.0, "recurrent": 8.0}, dict(BEFORE))) == 0


def test_a_race_that_is_gone_is_a_loss_and_a_new_one_is_none() -> None:
    assert check.losses(BEFORE, {"feed-forward": 10.0, "new": 0.1}) == ["recurrent"]


def test_another_machine_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "measured", lambda: dict(BEFORE))
    arguments = ["--stored", str(tmp_path / "check.json")]
    assert check.main(arguments) == check.NOTHING_STORED
    assert "nothing is stored for this machine" in capsys.readouterr().out
    assert check.main([*arguments, "--update"]) == 0
    assert check.main(arguments) == 0
    monkeypatch.setattr(rows, "machine", lambda: "another")
    assert check.main(arguments) == check.NOTHING_STORED


def test_ratios_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    from spikeloom.bench.cases import Case, Workload

    small = Workload(Case("small", 70, 12, 3), 0.2, 0.1, hidden=(96,), batch=6)
    races = (check.Race("spikeloom", "folded_fp32"), check.Race("spikeloom", "folded_bf16", bf16=True))
    monkeypatch.setattr(check, "WORKLOADS", {"small": (small, races)})
    found = check.measured()
    assert list(found) == [f"small: {race.name}" for race in races]
    assert all(ratio > 0 for ratio in found.values())
