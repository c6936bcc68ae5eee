"""A whole measurement on a workload of a second, and its one line of JSON."""

import json

import pytest
from bench.small import TINY, tiny

from spikeloom import InputError, bench
from spikeloom.bench import contender, problem, report, step


@pytest.fixture(scope="module")
def result() -> step.Result:
    return step.measure(tiny(), threads=1)


def test_the_line_has_its_keys(result: step.Result) -> None:
    line = report.as_json(result)
    assert "\n" not in line
    found = json.loads(line)
    wanted = "ms_per_step dense_ms_per_step speedup_over_best_torch speedup_over_own_dense limit_share activity"
    wanted += " extra_bytes dense_extra_bytes"
    assert set(wanted.split()) <= found.keys()
    assert set(found["dense_ms_per_step"]) == set(step.rivals())
    assert set(found["limit_share"]) == {"forward", "dw", "dx"}
    assert found["activity"] == pytest.approx([0.1, 0.1], rel=0.2)


def test_figures_fit_each_other(result: step.Result) -> None:
    found = report.values(result)
    fastest = min(found["dense_ms_per_step"].values())
    assert found["speedup_over_best_torch"] == pytest.approx(fastest / found["ms_per_step"], rel=0.01)
    assert found["speedup_over_best_torch_fp32"] >= found["speedup_over_best_torch"]
    assert found["threads"] == 1
    for name, ours in result.activity.items():
        assert ours == pytest.approx([0.1, 0.1], rel=0.3), name


def test_tables_tell_the_same(result: step.Result, capsys: pytest.CaptureFixture[str]) -> None:
    report.print_tables(result)
    said = capsys.readouterr().out
    for words in ("per_step_fp32", "own_dense", "share of L2 limit", "random 256-byte rows", "optimiser"):
        assert words in said


def test_turns_time_every_contender() -> None:
    made = problem.make(tiny())
    trainers = {name: contender.make(name, made) for name in (contender.OURS, "folded_fp32")}
    seconds = step.in_turns(trainers, 2)
    assert [len(times) for times in seconds.values()] == [2 * step.OWN_STEPS, 2]


def test_run_prints_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], result: step.Result
) -> None:
    monkeypatch.setattr(step, "measure", lambda chosen, threads: result)
    assert bench.run("nmnist", 0.015, 0.015, False, 1, True) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out)["case"] == TINY.name


def test_no_threads_are_refused() -> None:
    with pytest.raises(InputError, match="threads: expected at least 1, got 0"):
        bench.run("nmnist", 0.015, 0.015, False, 0, True)
