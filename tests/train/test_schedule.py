"""The learning rate and the window over the steps of a run."""

import math

import pytest

from spikeloom.train import schedule
from spikeloom.train.config import TrainingSettings

SETTINGS = TrainingSettings(learning_rate=0.01, warmup_steps=10, final_rate=0.02)


def test_warm_up_is_a_line_from_a_fifth_to_the_peak() -> None:
    rates = [schedule.learning_rate(step, 100, SETTINGS) for step in range(11)]
    assert rates[0] == pytest.approx(0.002)
    assert rates[5] == pytest.approx(0.006)
    assert rates[10] == pytest.approx(0.01)


def test_the_cosine_ends_at_its_last_step() -> None:
    rates = [schedule.learning_rate(step, 111, SETTINGS) for step in range(10, 111)]
    assert rates[-1] == pytest.approx(0.0002)
    assert rates[50] == pytest.approx((0.01 + 0.0002) / 2)
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("total", [1, 2, 3, 15])
def test_short_runs_keep_within_the_peak(total: int) -> None:
    rates = [schedule.learning_rate(step, total, SETTINGS) for step in range(total)]
    assert all(0 < rate <= 0.01 for rate in rates)
    assert max(rates) == pytest.approx(0.01)


def test_no_warm_up_starts_at_the_peak() -> None:
    assert schedule.learning_rate(0, 50, TrainingSettings(learning_rate=1.0, warmup_steps=0)) == 1.0


def test_the_window_closes_by_half_its_distance_a_step() -> None:
    assert schedule.second_threshold(0, 0.9) == -100.0
    assert schedule.second_threshold(1, 0.9) == pytest.approx(0.9 - 100.9 / 2)
    assert schedule.second_threshold(60, 0.9) == pytest.approx(0.9)
    assert schedule.second_threshold(3, -math.inf) == -math.inf
