"""adLIF and SE-adLIF stay stable whatever they learn: without spikes, (U, W) shrinks from step to step."""

from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from spikeloom import InputError, nn
from spikeloom.neurons import Neuron, adlif, se_adlif

decays = st.floats(0.001, 0.999)
shifts = st.floats(-1e4, 1e4)
kinds = pytest.mark.parametrize("kind", [nn.AdLIF, nn.SEAdLIF], ids=lambda kind: kind.__name__)

# The parameters are float32: their rounding may move an eigenvalue at the circle by so much.
ROUNDING = 1e-6


def step_matrix(neuron: Neuron, p: tuple[Tensor, ...]) -> Tensor:
    """The derivative of (U, W) by (U, W) of the step before, without spike and input, `[2, 2]`."""

    def step(state: Tensor) -> Tensor:
        after, _ = neuron.step(tuple(state), torch.zeros(()).double(), torch.zeros(()).double(), p)
        return torch.stack(after)

    return torch.autograd.functional.jacobian(step, torch.ones(2).double())


def radius(layer: nn.Spiking) -> float:
    """The largest magnitude of an eigenvalue."""
    p = tuple(layer.value(name).detach().double().flatten()[0] for name in layer.neuron.names)
    return float(torch.linalg.eigvals(step_matrix(layer.neuron, p)).abs().max())


@kinds
@given(beta=decays, rho=decays, share=st.floats(0.01, 0.99), moves=st.tuples(shifts, shifts, shifts))
@example(beta=0.999, rho=0.999, share=0.99, moves=(1e4, 1e4, 1e4))
@example(beta=0.001, rho=0.001, share=0.01, moves=(-1e4, -1e4, -1e4))
@settings(deadline=None, max_examples=60)
def test_whatever_is_learned_the_neuron_stays_stable(
    kind: Any, beta: float, rho: float, share: float, moves: tuple[float, float, float]
) -> None:
    high = kind(1, 1).neuron.parameters[2].high({"beta": beta, "rho": rho})
    layer = kind(1, 1, beta=beta, rho=rho, a=-1 + share * (high + 1), learn=("a", "beta", "rho"))
    assert radius(layer) < 1
    for name, move in zip(("beta", "rho", "a"), moves, strict=True):
        torch.nn.init.constant_(getattr(layer, f"{name}_shift"), move)
    assert radius(layer) < 1 + ROUNDING


@kinds
def test_decays_that_are_learned_alone_leave_it_stable(kind: Any) -> None:
    """The range of `a` shrinks with them: a number that is not learned stays until the end of its range reaches it."""
    layer = kind(1, 1, learn=("beta", "rho"), a=2.0)
    assert layer.value("a").item() == 2
    for shift, stays in ((-1.0, True), (-7.0, False), (7.0, True)):
        for name in ("beta_shift", "rho_shift"):
            torch.nn.init.constant_(getattr(layer, name), shift)
        assert radius(layer) < 1 + ROUNDING
        assert (layer.value("a").item() == 2) is stays


@pytest.mark.parametrize("neuron", [adlif.neuron(), se_adlif.neuron()], ids=lambda neuron: neuron.name)
def test_the_range_ends_where_stability_does(neuron: Neuron) -> None:
    """Beyond either end there is an eigenvalue outside the unit circle: the range is not a guess."""
    for beta, rho in ((0.9, 0.98), (0.3, 0.6), (0.99, 0.5)):
        low, high = -1.0, neuron.parameters[2].high({"beta": beta, "rho": rho})
        for a, stable in ((low - 0.01, False), (low + 0.01, True), (0.99 * high, True), (1.01 * high, False)):
            p = tuple(torch.tensor(x).double() for x in (beta, rho, a, 1.0, 1.0, 1.0))
            assert bool(torch.linalg.eigvals(step_matrix(neuron, p)).abs().max() < 1) is stable, (beta, rho, a)


@kinds
def test_a_that_is_unstable_is_refused(kind: Any) -> None:
    high = kind(1, 1).neuron.parameters[2].high({"beta": 0.9, "rho": 0.98})
    for a in (-1.0, 1.001 * high, float("inf")):
        with pytest.raises(InputError, match=r"a: expected numbers from -1 to .*, not at an end, got "):
            kind(1, 1, beta=0.9, rho=0.98, a=float(a))
