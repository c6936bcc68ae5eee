"""What a child tells of an implementation on a GPU; the GPU is made up, and the work is a CPU's."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks import child, clock, files, peak
from benchmarks.case import Built, Case
from benchmarks.peers import torch_folded


def test_a_build_tells_memory_versions_and_notes(case_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_gpu(build: object, case: Case, device: str) -> tuple[Built, int]:
        return replace(torch_folded.build(case), note=f"on {device}"), 77

    monkeypatch.setattr(child, "_use", lambda device: None)
    monkeypatch.setattr(peak, "on_gpu", on_gpu)
    monkeypatch.setattr(clock, "of", lambda device: lambda step, times: float(times))
    monkeypatch.setattr(torch_folded, "NOTE", "a loop")
    runner = child.Runner(case_file, "torch_folded", "cuda:0")
    told = runner.obey("build")
    assert (told["peak_bytes"], told["note"], told["flushed"]) == (77, "a loop; on cuda:0", True)
    assert told["version"].startswith(f"torch {torch.__version__}")
    assert f"CUDA {torch.version.cuda}" in told["version"]
    assert runner.obey("step", times=3, each=20) == {"seconds": [20.0] * 3}


def test_a_package_that_runs_from_its_source_has_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fromsource", SimpleNamespace(__version__="7.1"))
    assert child._versions(["fromsource", "nowhere"], on_gpu=False) == "fromsource 7.1, nowhere of unknown version"


def test_memory_of_a_gpu_is_that_of_the_second_step(case_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    case = files.load(case_file)
    gpu = SimpleNamespace(
        memory_allocated=lambda device: 100,
        synchronize=lambda device: log.append("wait"),
        reset_peak_memory_stats=lambda device: log.append("reset"),
        max_memory_allocated=lambda device: 100 + case.state_bytes + 31,
    )
    for name, function in vars(gpu).items():
        monkeypatch.setattr(torch.cuda, name, function)
    built = Built(lambda: log.append("step"), list)
    assert peak.on_gpu(lambda given: built, case, "cpu") == (built, 31)
    assert log == ["step", "wait", "reset", "step", "wait"]


def test_a_case_lies_where_it_is_put(case_file: Path) -> None:
    case = files.load(case_file)
    assert case.device == torch.device("cpu")
    there = case.on("meta")
    arrays = (there.x, there.labels, *there.weights, there.readout)
    assert {array.device.type for array in arrays if array is not None} == {"meta"}
    assert (there.layers, there.recurrent, there.state_bytes) == (case.layers, case.recurrent, case.state_bytes)
