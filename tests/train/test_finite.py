"""A number that is not finite is found, with the layer it is in."""

import math

import pytest
import torch

from spikeloom import InputError
from spikeloom.nn import LI, LIF, Sequential
from spikeloom.train import finite


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
