"""The leaky integrate-and-fire neuron: one step and its adjoint worked out by hand, for each reset."""

import pytest
import torch

from spikeloom import InputError
from spikeloom.neurons import equations, lif
from spikeloom.neurons.check import TORCH

P = (0.5, 2.0, 1.0)  # beta, gain, threshold


@pytest.mark.parametrize(
    ("reset", "after_spike", "after_none"),
    [("zero", 0.5, 1.25), ("subtract", 0.75, 1.25), ("none", 1.25, 1.25)],
)
def test_step_by_hand(reset: str, after_spike: float, after_none: float) -> None:
    # membrane 1.5, current 0.25: 2 * 0.25 + 0.5 * R, where R is 0, 1.5 - 1 or 1.5 after a spike, else 1.5
    membrane, current = torch.full((2,), 1.5), torch.full((2,), 0.25)
    (after,), margin = lif.neuron(reset).step((membrane,), torch.tensor([1.0, 0.0]), current, P)
    assert after.tolist() == [after_spike, after_none]
    assert margin.tolist() == [after_spike - 1, after_none - 1]


@pytest.mark.parametrize(("reset", "through"), [("zero", 0.0), ("subtract", 1.75), ("none", 1.75)])
def test_adjoint_by_hand(reset: str, through: float) -> None:
    # lam = 3 + 0.5 = 3.5: the current gets 2 lam, the membrane before 0.5 lam, or nothing after a reset to zero
    spike = torch.tensor([1.0, 0.0])
    given = (torch.full((2,), 3.0), torch.full((2,), 0.5), spike, *(torch.full((2,), x) for x in P))
    before, d_spike, d_current = equations(lif.neuron(reset)).adjoint.run(given, TORCH)
    assert before.tolist() == [through, 1.75]
    assert d_spike == 0.0
    assert d_current.tolist() == [7.0, 7.0]


def test_an_unknown_reset_is_an_error() -> None:
    with pytest.raises(InputError, match="reset: expected one of zero, subtract, none, got 'soft'"):
        lif.neuron("soft")
