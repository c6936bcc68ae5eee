"""A measurement from end to end with a GPU that there is none of: its clock and memory are made up, its work is not."""

import json

import pytest
import torch
from bench.gpu.fake_gpu import FakeGpu
from bench.small import TINY, tiny

from spikeloom import bench
from spikeloom.bench.gpu import contender, device, memory, report, step
from spikeloom.bench.gpu.contender import Contender
from spikeloom.bench.gpu.ways import WAYS, Way
from spikeloom.bench.problem import Problem

CPU = torch.device("cpu")
FACTS = {
    "gpu": "an abacus",
    "memory_bytes": 10**11,
    "capability": "9.0",
    "multiprocessors": 7,
    "versions": {"torch": "2.0", "cuda": "12"},
}
EXTRA = 2 * 10**6


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeGpu:
    """Whose ways in a graph or compiled, and in TF32, fail; the others run on the CPU, each in a time of its own."""
    fake, make = FakeGpu(), contender.make

    def made(way: Way, problem: Problem, where: torch.device) -> Contender:
        if way.graph or way.compiled or way.numbers == "tf32":
            raise RuntimeError(f"no {way.name}\nhere")
        one = make(way, problem, CPU)
        ms = 1 if way.ours else 3

        def stepped() -> torch.Tensor:
            fake.work(1e-3 * ms)
            return torch.zeros(())

        one.step()
        return Contender(one.parameters, stepped, one.activity)

    monkeypatch.setattr(contender, "make", made)
    monkeypatch.setattr(device, "checked", lambda name: CPU)
    monkeypatch.setattr(device, "facts", lambda chosen: FACTS)
    monkeypatch.setattr(torch.cuda, "device", lambda chosen: torch.device(chosen))
    monkeypatch.setattr(memory, "allocated", lambda chosen: 5)
    monkeypatch.setattr(memory, "peak_of", lambda taken, chosen: (taken(), 5 + STATE + EXTRA)[1])
    monkeypatch.setattr(step, "timer", lambda chosen: fake.timer())
    return fake


STATE = 4 * 4 * (70 * 96 + 96 * 130 + 130 * 3)


def test_who_can_is_measured_and_who_cannot_is_left_out(gpu: FakeGpu) -> None:
    result = step.measure(tiny(), "cuda")
    able = {way.name for way in WAYS.values() if not (way.graph or way.compiled or way.numbers == "tf32")}
    assert set(result.seconds) == set(result.activity) == set(result.extra_bytes) == able
    assert set(result.left_out) == set(WAYS) - able
    assert result.left_out["folded_tf32"] == "RuntimeError: no folded_tf32"
    assert all(len(own) == step.ROUNDS * step.BURSTS for own in result.seconds.values())
    assert result.ms("spikeloom_fp32") == pytest.approx(1)
    assert result.ms("folded_bf16") == pytest.approx(3)
    assert set(result.extra_bytes.values()) == {EXTRA}
    for name, rates in result.activity.items():
        assert rates == pytest.approx([0.1, 0.1], rel=0.3), name


def test_the_line_and_the_tables_tell_the_same(gpu: FakeGpu, capsys: pytest.CaptureFixture[str]) -> None:
    result = step.measure(tiny(), "cuda")
    found = json.loads(report.as_json(result))
    assert (found["device"], found["gpu"], found["case"], found["batch"]) == ("cuda", "an abacus", TINY.name, 6)
    assert found["ms_per_step"]["own_dense_bf16"] == 1
    assert found["ratios"]["ours over the fastest of plain torch"] == 3
    assert found["ratios"]["our sparse route over our dense one, bf16"] == 1
    # Nothing of it was measured.
    assert not any("compiled or in a graph" in name for name in found["ratios"])
    report.print_tables(result)
    said = capsys.readouterr().out
    for words in ("an abacus, 100 GB, compute capability 9.0; torch 2.0, cuda 12", "per_step_fp32", "6,000", "2.0"):
        assert words in said
    assert "folded_tf32 left out: RuntimeError: no folded_tf32" in said


def test_one_command_measures_and_prints(gpu: FakeGpu, capsys: pytest.CaptureFixture[str]) -> None:
    from spikeloom.bench import gpu as on_gpu

    assert on_gpu.run(tiny(), "cuda", True) == 0
    assert json.loads(capsys.readouterr().out)["recurrent"] is False


def test_a_gpu_that_stopped_is_named_with_who_stopped_it(monkeypatch: pytest.MonkeyPatch, gpu: FakeGpu) -> None:
    def gone(chosen: torch.device) -> int:
        raise RuntimeError("illegal memory access")

    monkeypatch.setattr(memory, "allocated", gone)
    with pytest.raises(RuntimeError, match="spikeloom_fp32 left a GPU that answers no more: RuntimeError: illegal"):
        step.measure(tiny(), "cuda")


def test_the_command_passes_batch_and_device_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from spikeloom.bench import gpu as on_gpu

    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(on_gpu, "run", lambda *given: calls.append(given) or 7)
    assert bench.run("shd", 0.01, 0.02, False, 1, True, "cuda:0", 256) == 7
    ((workload, where, as_json),) = calls
    assert (workload.batch, workload.hidden_activity, where, as_json) == (256, 0.02, "cuda:0", True)
