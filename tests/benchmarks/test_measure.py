"""Children: what they measure in turns, and what happens to those that cannot."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_cases import here

from benchmarks import cases, files, measure
from benchmarks.cases import Spec
from benchmarks.implementations import Implementation
from benchmarks.measure import Effort, Failed
from benchmarks.process import Child
from spikeloom.bench.cases import Case as Shape
from spikeloom.bench.cases import Workload

STATED = 0.1
SHORT = Effort(rounds=2, least=2, turn_s=0.01)


def silent(what: str) -> None:
    pass


def test_ours_and_plain_torch_in_turns_and_no_one_stops_the_others(case_file: Path) -> None:
    told: list[str] = []
    gone = Implementation("torch_folded", Path("/bin/false"))
    absent = Implementation("absent", Path("nowhere/python"))
    found, left_out = measure.measure(
        case_file,
        [here("ours_sparse"), here("torch_folded"), here("nobody"), replace(gone, name="gone"), absent],
        stated=STATED,
        threads=1,
        effort=SHORT,
        tell=told.append,
    )
    assert set(found) == {"ours_sparse", "torch_folded"}
    for one in found.values():
        assert one.activity == pytest.approx([0.1, 0.1], rel=0.2)
        low, high = one.quartiles_ms
        assert 0 < low <= one.median_ms <= high
    assert "torch" in found["torch_folded"].version
    assert found["ours_sparse"].version.startswith("spikeloom 0.")
    assert left_out["nobody"] == "ModuleNotFoundError: No module named 'benchmarks.peers.nobody'"
    assert left_out["absent"].startswith("its Python cannot be started: No such file")
    assert "exit status 1" in left_out["gone"] or "ended before" in left_out["gone"]
    turns = [what for what in told if "round" in what]
    assert turns == [f"{name}: round {n} of 2" for n in (0, 1, 2) for name in ("ours_sparse", "torch_folded")]


def test_a_layer_off_the_stated_rate_is_refused(case_file: Path, tmp_path: Path) -> None:
    case = files.load(case_file)
    louder = replace(case, weights=(case.weights[0], 2 * case.weights[1]))
    files.save(louder, tmp_path / "louder.pt")
    found, left_out = measure.measure(
        tmp_path / "louder.pt", [here("torch_folded")], stated=STATED, threads=1, effort=SHORT, tell=silent
    )
    assert found == {}
    assert left_out["torch_folded"].startswith("refused: layer 2 spikes at ")
    assert left_out["torch_folded"].endswith("%, 10.00% within 20% is stated")


@pytest.mark.parametrize(("rate", "refused"), [(0.081, False), (0.119, False), (0.079, True), (0.121, True)])
def test_a_fifth_off_is_the_limit(rate: float, refused: bool) -> None:
    if refused:
        with pytest.raises(Failed, match="layer 2 spikes at"):
            measure.check_activity([0.1, rate], 0.1)
    else:
        measure.check_activity([0.1, rate], 0.1)


def test_a_child_that_takes_too_long_is_ended(case_file: Path) -> None:
    child = Child(here("torch_folded"), case_file, 1)
    with pytest.raises(Failed, match="build took longer than 0 s"):
        child.ask("build", 0.01)
    with pytest.raises(Failed, match="ended before it could step"):
        child.ask("step", 1, times=1)


def test_an_input_that_an_implementation_does_not_take_is_told(case_file: Path, tmp_path: Path) -> None:
    case = files.load(case_file)
    files.save(replace(case, x=0.5 * case.x, binary=False), tmp_path / "numbers.pt")
    child = Child(here("ours_sparse"), tmp_path / "numbers.pt", 1)
    try:
        assert child.ask("build", 600) == {"unsupported": "input that is no spikes takes the dense route"}
    finally:
        child.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process clear the record of its peak")
def test_memory_is_what_a_step_keeps(tmp_path: Path) -> None:
    work = Workload(Shape("memory", 500, 50, 3), 0.05, 0.05, hidden=(700,), batch=40)
    path = cases.made(Spec("memory/5", work), tmp_path)
    both = [here("ours_sparse"), here("torch_per_step")]
    found, failed = measure.memory(path, [*both, here("nobody")], threads=1, effort=Effort(), tell=silent)
    assert set(failed) == {"nobody"}
    inputs, kept = 4 * 50 * 40 * 500, 3 * 4 * 50 * 40 * 700
    assert inputs + kept <= found["torch_per_step"] < 2 * (inputs + kept) + (8 << 20)
    assert found["ours_sparse"] < found["torch_per_step"] / 2


def test_who_is_near_the_fastest_of_its_type_has_steps_enough_for_quartiles() -> None:
    typical = {
        "sparse": (0.02, "fp32"),
        "near": (0.06, "fp32"),
        "far": (0.7, "fp32"),
        "bf16": (0.3, "bf16"),
        "slow bf16": (0.8, "bf16"),
        "far bf16": (1.0, "bf16"),
    }
    effort = Effort(rounds=3, least=9, turn_s=0.3, most=10)
    counts = {"sparse": 10, "near": 5, "far": 1, "bf16": 3, "slow bf16": 3, "far bf16": 1}
    assert measure.counted(typical, effort) == counts


def test_on_a_gpu_fast_steps_are_timed_in_bursts() -> None:
    effort = Effort(rounds=4, least=12, turn_s=0.1, most=5, burst_s=0.02)
    assert [measure.steps_of_burst(s, effort) for s in (1e-5, 2e-4, 0.013, 0.07)] == [measure.MOST_EACH, 100, 2, 1]
    assert measure.steps_of_burst(1e-3, Effort()) == 1
    typical = {"graph": (2e-4, "fp32"), "eager": (0.07, "fp32"), "ours": (0.0, "bf16")}
    assert measure.counted(typical, effort) == {"graph": 5, "eager": 1, "ours": 5}


def test_a_burst_is_asked_of_the_child(case_file: Path) -> None:
    child = Child(here("torch_folded"), case_file, 1)
    try:
        assert "peak_bytes" not in child.ask("build", 600)
        assert len(child.ask("step", 60, times=3, each=4)["seconds"]) == 3
    finally:
        child.close()


def test_no_gpu_is_what_a_child_says(case_file: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    found, left_out = measure.measure(
        case_file,
        [here("torch_folded")],
        stated=STATED,
        threads=1,
        effort=SHORT,
        tell=silent,
        device="cuda:0",
    )
    assert found == {}
    assert "CUDA" in left_out["torch_folded"] or "NVIDIA" in left_out["torch_folded"]


def test_the_default_effort_keeps_its_word() -> None:
    effort = Effort()
    counts = measure.counted({"fast": (9.0, "fp32"), "near": (27.0, "fp32"), "far": (28.0, "fp32")}, effort)
    assert [effort.rounds * count for count in counts.values()] == [9, 9, 3]
