"""Shares of the hardware's limit: stored case by case, so that a run cut short keeps what it has."""

from pathlib import Path

import pytest

from benchmarks import figures, limits
from spikeloom.bench.cases import Case, Workload


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Workload(Case("small", 70, 12, 3), 0.2, 0.1, hidden=(96,), batch=6)
    monkeypatch.setattr(limits, "workload", lambda shape, activity, hidden, recurrent: work)


@pytest.mark.usefixtures("small")
def test_a_case_is_measured_and_stored_beside_the_others(tmp_path: Path) -> None:
    limits.store(tmp_path, "dvs, 0.5 %", {"of": "an earlier run"})
    limits.store(tmp_path, "nmnist, 1.5 %", {"of": "an earlier run"})
    assert limits.main(["--case", "nmnist/1.5", "--out", str(tmp_path)]) == 0
    found = limits.read(tmp_path)
    assert list(found) == ["nmnist, 1.5 %", "dvs, 0.5 %"]
    assert found["dvs, 0.5 %"] == {"of": "an earlier run"}
    new = found["nmnist, 1.5 %"]
    assert {*limits.KEPT, "commit", "date"} == set(new)
    assert [name.partition(",")[0] for name, _ in figures.kernels(new)] == ["forward", "dL/dW"]
    assert all(share > 0 for _, share in figures.kernels(new))


def test_cases_are_selected_in_their_order() -> None:
    assert limits.select("shd/*, nmnist/0.5") == ["nmnist/0.5", "shd/1.5", "shd/0.5"]
    assert len(limits.select("*")) == 6


def test_a_case_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert limits.main(["--case", "mnist/1", "--out", str(tmp_path)]) == 2
    assert "case: expected one of nmnist/1.5" in capsys.readouterr().err
