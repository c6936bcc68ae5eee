"""The layers against traces worked out by hand: membranes, spikes, windows and gradients, for each reset."""

import pytest
import torch
from oracle import assert_close

from spikeloom.neurons import lif
from spikeloom.neurons.resets import RESETS
from spikeloom.reference import feedforward, recurrent
from spikeloom.surrogates import SuperSpike

# One neuron, beta 1/2, gain 1, threshold 1, second threshold 3/4, driven by these currents. All numbers are exact.
CURRENTS = [0.5, 0.75, 0.0, 1.5, 0.25, 0.75]
MEMBRANES = {
    "zero": [0.5, 1.0, 0.0, 1.5, 0.25, 0.875],
    "subtract": [0.5, 1.0, 0.0, 1.5, 0.5, 1.0],
    "none": [0.5, 1.0, 0.5, 1.75, 1.125, 1.3125],
}
SPIKES = {
    "zero": [0, 1, 0, 1, 0, 0],
    "subtract": [0, 1, 0, 1, 0, 1],
    "none": [0, 1, 0, 1, 1, 1],
}
NEAR = {"zero": [5], "subtract": [], "none": []}  # steps in the window without a spike
# dS/dU = 1 / (10 |U - 1| + 1)^2 inside the window, 0 outside
SLOPES = {
    "zero": [0, 1, 0, 1 / 36, 0, 1 / 2.25**2],
    "subtract": [0, 1, 0, 1 / 36, 0, 1],
    "none": [0, 1, 0, 1 / 8.5**2, 1 / 2.25**2, 1 / 4.125**2],
}
# lam[t] = slope[t] + beta k[t] lam[t+1] with dL/dS = 1 at every step, from the last step to the first
LAMBDAS = {
    "zero": [0.5, 1, 1 / 72, 1 / 36, 0.5 / 2.25**2, 1 / 2.25**2],
    "subtract": [
        0.5 * (1 + 0.25 * (1 / 36 + 0.25)),
        1 + 0.25 * (1 / 36 + 0.25),
        0.5 * (1 / 36 + 0.25),
        1 / 36 + 0.25,
        0.5,
        1,
    ],
    "none": [
        0.5 + 0.125 / 8.5**2 + 0.0625 / 2.25**2 + 0.03125 / 4.125**2,
        1 + 0.25 / 8.5**2 + 0.125 / 2.25**2 + 0.0625 / 4.125**2,
        0.5 / 8.5**2 + 0.25 / 2.25**2 + 0.125 / 4.125**2,
        1 / 8.5**2 + 0.5 / 2.25**2 + 0.25 / 4.125**2,
        1 / 2.25**2 + 0.5 / 4.125**2,
        1 / 4.125**2,
    ],
}
# What is left of the membrane of the step before, R(U[t-1], S[t-1])
LEFT = {
    "zero": [0, 0.5, 0, 0, 0, 0.25],
    "subtract": [0, 0.5, 0, 0, 0.5, 0.5],
    "none": [0, 0.5, 1.0, 0.5, 1.75, 1.125],
}
every_reset = pytest.mark.parametrize("reset", list(RESETS))


def column(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).view(-1, 1, 1)  # [T, 1, 1]


def layer(reset: str, dtype: torch.dtype = torch.float64):  # type: ignore[no-untyped-def]
    """The neuron on CURRENTS, with the leaves that take gradients: x, weight, bias, beta, gain, threshold."""
    x = column(CURRENTS).to(dtype)
    leaves = [x, torch.ones(1, 1), torch.zeros(1), torch.full((1,), 0.5), torch.ones(1), torch.ones(1)]
    leaves = [leaf.to(dtype).requires_grad_() for leaf in leaves]
    arguments = {"neuron": lif.neuron(reset), "depth": -0.25, "surrogate": SuperSpike(10.0)}
    return leaves, feedforward(*leaves[:3], parameters=tuple(leaves[3:]), **arguments)


@every_reset
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_membranes_spikes_and_window(reset: str, dtype: torch.dtype) -> None:
    _, (spikes, window, margin, ((membrane,), spike)) = layer(reset, dtype)
    assert_close(margin, column(MEMBRANES[reset]).to(dtype) - 1, kind="exact")
    assert_close(spikes, column(SPIKES[reset]).to(dtype), kind="exact")
    assert window.flatten().nonzero().flatten().tolist() == sorted(
        [t for t in range(6) if SPIKES[reset][t]] + NEAR[reset]
    )
    assert (membrane.item(), spike.item()) == (MEMBRANES[reset][-1], SPIKES[reset][-1])
    assert {spikes.dtype, margin.dtype, membrane.dtype, spike.dtype} == {dtype}


@every_reset
def test_gradients(reset: str) -> None:
    leaves, (spikes, *_) = layer(reset)
    d_x, d_weight, d_bias, d_beta, d_gain, d_threshold = torch.autograd.grad(spikes.sum(), leaves)
    lam = column(LAMBDAS[reset])
    assert_close(d_x, lam, kind="float64", name="d_x")
    assert_close(d_weight.view(1), (lam * column(CURRENTS)).sum().view(1), kind="float64", name="d_weight")
    assert_close(d_bias, lam.sum().view(1), kind="float64", name="d_bias")
    assert_close(d_beta, (lam * column(LEFT[reset])).sum().view(1), kind="float64", name="d_beta")
    assert_close(d_gain, (lam * column(CURRENTS)).sum().view(1), kind="float64", name="d_gain")
    by_margin = -column(SLOPES[reset]).sum()
    by_reset = -0.5 * (lam[1:] * column(SPIKES[reset])[:-1]).sum() if reset == "subtract" else 0
    assert_close(d_threshold, (by_margin + by_reset).view(1), kind="float64", name="d_threshold")


def two_neurons(drive: float):  # type: ignore[no-untyped-def]
    """Neuron 0 sees the input, neuron 1 sees neuron 0 a step later; the loss is neuron 1's spike at the second step."""
    x, weight = torch.zeros(3, 1, 1, dtype=torch.float64), torch.tensor([[drive], [0.0]], dtype=torch.float64)
    x[0] = 1.0
    between = torch.tensor([[0.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    leaves = [leaf.requires_grad_() for leaf in (x, weight, between)]
    spikes, window, margin, _ = recurrent(
        *leaves, neuron=lif.neuron("zero"), parameters=(0.5, 1.0, 1.0), depth=-0.25, surrogate=SuperSpike(10.0)
    )
    return spikes, window, margin, torch.autograd.grad(spikes[1, 0, 1], leaves)


def test_a_spike_reaches_the_other_neuron_a_step_later() -> None:
    spikes, window, margin, (d_x, d_weight, d_between) = two_neurons(1.0)
    assert spikes[:, 0].tolist() == [[1, 0], [0, 1], [0, 0]]
    assert window[:, 0].tolist() == [[True, False], [False, True], [False, False]]
    assert margin[:, 0].tolist() == [[0, -1], [-1, 0], [-1, -1]]
    # lam[1] = (0, 1), as neuron 1 sits at its threshold; lam[0] = slope V^T lam[1] + beta (1 - S) lam[1] = (1, 1/2)
    assert d_between.tolist() == [[0, 0], [1, 0]]
    assert d_x.flatten().tolist() == [1, 0, 0]
    assert d_weight.flatten().tolist() == [1, 0.5]


def test_a_near_miss_leaves_no_gradient_by_the_recurrent_weight() -> None:
    # Neuron 0 reaches 7/8 and does not spike; neuron 1 stays at 0, out of its window: no gradient at all.
    spikes, window, _, gradients = two_neurons(0.875)
    assert not bool(spikes.any())
    assert window[:, 0].tolist() == [[True, False], [False, False], [False, False]]
    assert not any(bool(gradient.any()) for gradient in gradients)
