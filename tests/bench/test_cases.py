"""Workloads are what the paper says, and refuse what they cannot be."""

import pytest

from spikeloom import InputError
from spikeloom.bench.cases import CASES, Workload, workload


def test_two_hidden_layers_and_the_readout_are_2942_neurons() -> None:
    chosen = workload("nmnist", 0.015, 0.015, recurrent=False)
    assert sum(chosen.hidden) + CASES["nmnist"].classes == 2942
    assert (chosen.case.inputs, chosen.case.steps, chosen.batch) == (34 * 34 * 2, 100, 48)


def test_an_unknown_case_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="case: expected one of nmnist, shd, dvs, got 'mnist'"):
        workload("mnist", 0.015, 0.015, recurrent=False)


@pytest.mark.parametrize("activity", [0.0, -0.1, 1.5, float("nan")])
def test_activities_are_fractions(activity: float) -> None:
    with pytest.raises(InputError, match="hidden_activity: expected a fraction above 0 and at most 1"):
        workload("shd", 0.015, activity, recurrent=False)
    with pytest.raises(InputError, match="^activity: expected a fraction"):
        workload("shd", activity, 0.015, recurrent=False)


def test_percent_for_a_fraction_gets_the_remedy() -> None:
    with pytest.raises(InputError, match=r"write 0\.015 for 1\.5 %"):
        workload("shd", 1.5, 0.015, recurrent=False)


def test_a_batch_has_a_sample() -> None:
    with pytest.raises(InputError, match="batch: expected at least 1, got 0"):
        Workload(CASES["shd"], batch=0)
