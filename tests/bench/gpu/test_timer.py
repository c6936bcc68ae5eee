"""Bursts are timed by the GPU's clock, once it is idle, and by the host's where events miss work."""

import pytest
from bench.gpu.fake_gpu import FakeGpu

from spikeloom.bench.gpu.timer import MOST


def test_a_step_takes_what_the_gpu_took_and_not_what_python_waited_for() -> None:
    gpu = FakeGpu(launch_s=1e-5)
    assert gpu.timer().burst(lambda: gpu.work(0.004), 10) == pytest.approx(0.004, rel=0.01)
    assert gpu.waits == 2


def test_a_step_of_many_launches_takes_what_they_take() -> None:
    gpu = FakeGpu(launch_s=0.003)
    assert gpu.timer().burst(lambda: gpu.work(0.001), 10) == pytest.approx(0.003, rel=0.1)


def test_work_given_before_does_not_count() -> None:
    gpu = FakeGpu()
    gpu.work(5.0)
    assert gpu.timer().burst(lambda: gpu.work(0.01), 3) == pytest.approx(0.01)


def test_work_that_events_do_not_see_counts() -> None:
    gpu = FakeGpu(unseen_s=1.0)
    assert gpu.timer().burst(lambda: gpu.work(0.01), 4) == pytest.approx((0.04 + 1.0) / 4)


def test_bursts_last_long_enough_and_not_too_long() -> None:
    timer = FakeGpu().timer()
    assert [timer.steps_of(s) for s in (1e-6, 1e-3, 0.007, 3.0)] == [MOST, 20, 3, 1]
