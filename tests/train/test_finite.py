"""A number that is not finite is found, with the layer it is in."""

import math

import pytest
import torch

from spikeloom import InputError
from spikeloom.nn import LI, LIF, Sequential
from spikeloom.train import finite
from spikeloom.train.finite import Watch


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_bad_number_in_many(bad: float) -> None:
    values = torch.zeros(100, 100)
    assert finite.is_finite(values)
    values[50, 3] = bad
    assert not finite.is_finite(values)


def test_huge_numbers_are_finite_though_their_sum_is_not() -> None:
    assert finite.is_finite(torch.full((10,), 3e38))
    assert not finite.is_finite(torch.tensor([math.inf, -math.inf]))


def test_the_error_names_layer_and_place() -> None:
    network = Sequential(LIF(70, 5), LIF(5, 4), LI(4, 3))
    finite.check(finite.parameters(network), "step 1")
    with torch.no_grad():
        network[1].weight.flatten()[0] = math.nan
    message = r"^layer 2 \(LIF 5-4\): weight: expected finite numbers, got nan in 1 of 320 at step 7; lower"
    with pytest.raises(InputError, match=message):
        finite.check(finite.parameters(network), "step 7")


def test_the_layer_nearest_to_the_loss_is_named() -> None:
    network = Sequential(LIF(7, 5), LI(5, 3))
    with torch.no_grad():
        for layer in network:
            layer.weight.fill_(math.inf)
    with pytest.raises(InputError, match=r"^layer 2 \(LI 5-3\): weight: expected finite numbers, got inf"):
        finite.check(finite.parameters(network), "step 1")


def judged(watch: Watch) -> None:
    watch.judge([number.clone() for number in watch.numbers()])


def test_a_watch_on_the_cpu_finds_it_at_once() -> None:
    watch = Watch()
    with pytest.raises(InputError, match=r"^this: expected finite numbers, got nan in 1 of 1 at step 2"):
        watch.check([("this", torch.tensor(math.nan))], "step 2")
    assert watch.numbers() == []
    judged(watch)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_late_watch_finds_the_same_when_it_judges(bad: float) -> None:
    network = Sequential(LIF(70, 5), LIF(5, 4), LI(4, 3))
    watch = Watch(late=True)
    watch.check([("loss", torch.tensor(1.0))], "step 7")
    with torch.no_grad():
        network[1].weight.flatten()[0] = bad
    watch.check(finite.parameters(network), "step 7")
    assert len(watch.numbers()) == 1 + 3
    message = rf"^layer 2 \(LIF 5-4\): weight: expected finite numbers, got {bad} in 1 of 320 at step 7; lower"
    with pytest.raises(InputError, match=message):
        judged(watch)
    assert watch.numbers() == []


def test_the_first_that_was_watched_is_named_first() -> None:
    watch, bad = Watch(late=True), torch.tensor(math.nan)
    for name in ("loss", "weight"):
        watch.check([(name, bad)], "step 1")
    with pytest.raises(InputError, match="^loss: "):
        judged(watch)


def test_huge_numbers_pass_a_late_watch() -> None:
    watch = Watch(late=True)
    watch.check([("huge", torch.full((10,), 3e38)), ("small", torch.ones(3))], "step 1")
    assert math.isinf(watch.numbers()[0])
    judged(watch)


def test_a_number_that_is_there_tells_of_many() -> None:
    watch, values = Watch(late=True), torch.tensor([1.0, math.nan])
    watch.check([("one", torch.ones(2)), ("two", values)], "step 1", by=values.sum())
    assert len(watch.numbers()) == 1
    with pytest.raises(InputError, match="^two: expected finite numbers, got nan in 1 of 2 at step 1"):
        judged(watch)
