"""A tiny study from end to end: processes, run folders, going on, the report."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from spikeloom import InputError
from spikeloom.train import settings
from studies.accuracy import plan, report, worker
from studies.accuracy.plan import DataSet, Job
from studies.accuracy.pool import Pool

TINY = {"train_samples": "48", "test_samples": "16", "batch_size": "16", "steps": "30", "hidden": "24,16"}
DIGITS = DataSet("digits", "digits", "fold", {"all": {}}, common=TINY | {"validation": "0.25", "dt_ms": "10"})


def planned(given: Mapping[str, str] | None = None) -> list[Job]:
    wanted = {"epochs": "1", "threads": "1"} | dict(given or {})
    return plan.jobs([DIGITS], root=Path(), variants=["window", "plain_torch"], seeds=[0], given=wanted)


def test_a_study(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    runs, jobs, said = tmp_path / "runs", planned(), list[str]()
    assert [job.variant for job in jobs] == ["window", "plain_torch"]
    bad = replace(jobs[0], variant="bad", given=jobs[0].given | {"train_samples": "100000"})
    pool = Pool(runs, at_once=2, say=said.append)
    assert not pool.run([bad, jobs[0]])
    assert said == ["0 of 2 runs are finished already"]
    assert pool.failed == [bad.name]
    output = capfd.readouterr().out
    assert f"{bad.name}: failed after" in output
    assert "train_samples: expected at most" in output
    assert f"{jobs[0].name}: test accuracy" in output
    # The other one here, where torch is loaded already.
    assert worker.do(worker.Task.of(jobs[1], runs / jobs[1].name, at_once=1)) == 0
    for job in jobs:
        held = json.loads((runs / job.name / "study.json").read_text())
        assert (held["variant"], held["stands_for"], held["layers"]) == (job.variant, list(job.stands_for), job.layers)
        assert held["peak_bytes"] >= held["before_bytes"] > 0
        assert settings.from_toml(runs / job.name / "config.toml") == job.config
        assert not (runs / job.name / "checkpoints").exists()
    _finished_runs_are_left_alone(runs, jobs)
    with pytest.raises(InputError, match="expected the settings of the plan, got epochs: 1, 2; choose another folder"):
        Pool(runs, at_once=2, say=said.append).run(planned({"epochs": "2"}))
    report.write(runs, tmp_path / "results.md")
    assert "## digits" in (tmp_path / "results.md").read_text()
    _a_run_that_is_tested_is_only_recorded(runs, jobs[0])


def _finished_runs_are_left_alone(runs: Path, jobs: list[Job]) -> None:
    files, said = sorted(runs.rglob("*")), list[str]()
    before = [file.stat().st_mtime_ns for file in files]
    assert Pool(runs, at_once=2, say=said.append).run(jobs)
    assert said == ["2 of 2 runs are finished already"]
    assert sorted(runs.rglob("*")) == files
    assert [file.stat().st_mtime_ns for file in files] == before


def _a_run_that_is_tested_is_only_recorded(runs: Path, job: Job) -> None:
    (runs / job.name / worker.STUDY).unlink()
    assert worker.do(worker.Task.of(job, runs / job.name, at_once=1)) == 0
    assert "peak_bytes" not in json.loads((runs / job.name / worker.STUDY).read_text())


def test_no_run_is_begun_when_the_time_is_up(tmp_path: Path) -> None:
    assert not Pool(tmp_path, at_once=1, say=lambda _: None, minutes=0.0).run(planned())
    assert list(tmp_path.iterdir()) == []
