"""The cases of a GPU: what must come out there has its cases, and these come in the order of their weight."""

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from benchmarks import cases, gpu_cases, gpu_promises, implementations, run
from benchmarks.measure import ON_GPU
from spikeloom import InputError
from spikeloom.bench.cases import CASES as SHAPES

SETTING = run.Setting(1, "cuda:0", False, "abc", ON_GPU, False, Path())


def test_every_promise_has_a_case_and_the_first_of_each_kind_come_first() -> None:
    names = [spec.name for spec in gpu_cases.every()]
    assert len(set(names)) == len(names)
    for speed in gpu_promises.SPEEDS:
        assert any(fnmatchcase(name, speed.cases) for name in names), speed
    first = names[:6]
    assert {name.partition("/")[0] for name in first} == {"gpu-ff", "gpu-recurrent"}
    told = [speed for speed in gpu_promises.SPEEDS if any(fnmatchcase(name, speed.cases) for name in first)]
    assert {speed.promise for speed in gpu_promises.SPEEDS} - {speed.promise for speed in told} == {
        "recurrent N = 16,384, B = 1, 0.5 %, against the fastest dense one in a CUDA graph"
    }


def test_shapes_and_batches_are_those_asked_for() -> None:
    specs = {spec.name: spec for spec in gpu_cases.every()}
    for shape in SHAPES:
        for batch in (48, 256):
            one, half = (specs[f"gpu-ff/{shape}/{batch}/{percent}"] for percent in ("1", "0.5"))
            assert (one.workload.batch, one.workload.activity, half.workload.hidden_activity) == (batch, 0.01, 0.005)
            assert one.workload.hidden == (1466, 1466)
            # Libraries run at 1 %, what a promise has of them.
            assert (one.sweep, half.sweep) == (False, True)
    large = specs["gpu-recurrent/16384/1/1"].workload
    assert (large.hidden, large.batch, large.hidden_activity, large.recurrent) == ((16384,), 1, 0.01, True)
    assert specs["gpu-recurrent/8192/8/0.2"].workload.hidden_activity == pytest.approx(0.002)


def test_a_layer_whose_weights_are_large_has_the_fastest_of_each_kind_alone() -> None:
    names = [one.name for one in implementations.every(device="cuda:0")]
    (spec,) = cases.select("gpu-recurrent/16384/1/1", gpu_cases.every())
    plan = run.Plan(implementations.every(device="cuda:0"), {}, SETTING, False)
    chosen = {one.name for one in plan.chosen(spec)}
    assert {"ours_sparse_bf16", "ours_auto_bf16_graph", "torch_per_step_graph", "torch_expert_bf16_graph"} <= chosen
    # Four times 1.07 GB each, and half as much again for copies and temporaries.
    assert len(chosen) * 6.5 < 100
    (small,) = cases.select("gpu-recurrent/1470/48/1", gpu_cases.every())
    assert {one.name for one in plan.chosen(small)} == {n for n in names if implementations.is_contender(n, "cuda:0")}


def test_they_are_selected_among_themselves() -> None:
    available = gpu_cases.every()
    assert cases.select("demanded", available) == available
    assert [spec.name for spec in cases.select("gpu-recurrent/8192", available)] == ["gpu-recurrent/8192/8/0.2"]
    with pytest.raises(InputError, match="CASE: expected a case"):
        cases.select("paper-layers-b", available)
    with pytest.raises(InputError, match="CASE: expected a case"):
        cases.select("gpu-ff")
