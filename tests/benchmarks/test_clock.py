"""Steps on a CPU are timed by the host's clock, on a GPU by its own, and by the host's where that has missed work."""

import pytest
import torch
from bench.gpu.fake_gpu import FakeGpu

from benchmarks import clock


def of(gpu: FakeGpu) -> clock.OnGpu:
    return clock.OnGpu(gpu.event, gpu.wait, lambda: gpu.host_s)


def test_a_cpu_s_step_is_done_when_it_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    at = iter([1.0, 4.0])
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(at))
    taken: list[int] = []
    assert clock.of(torch.device("cpu"))(lambda: taken.append(0), 6) == 0.5
    assert len(taken) == 6


def test_a_gpu_s_burst_takes_what_it_took_there() -> None:
    gpu = FakeGpu(launch_s=1e-5)
    gpu.work(9.0)
    assert of(gpu)(lambda: gpu.work(0.002), 20) == pytest.approx(0.002, rel=0.02)
    slow = FakeGpu(launch_s=0.05)
    assert of(slow)(lambda: slow.work(0.001), 4) == pytest.approx(0.05, rel=0.1)


def test_work_beside_the_stream_counts() -> None:
    gpu = FakeGpu(unseen_s=0.5)
    assert of(gpu)(lambda: gpu.work(0.01), 5) == pytest.approx((0.05 + 0.5) / 5)
