"""Gradients of the layers in float64: against finite differences, and against the paper's equations written out."""

import pytest
import torch
from oracle import FINITE_DIFFERENCES, Case, all_surrogates, assert_close, random_case, run_reference, spiking_neurons
from own_neurons import ADAPTIVE, QUADRATIC
from torch import Tensor

from spikeloom.neurons import Neuron, lif
from spikeloom.neurons.resets import RESETS
from spikeloom.reference import feedforward, fire, readout, recurrent
from spikeloom.surrogates import SuperSpike, Surrogate

every_neuron = pytest.mark.parametrize("neuron", [*spiking_neurons(), ADAPTIVE, QUADRATIC], ids=lambda n: n.name)
every_surrogate = pytest.mark.parametrize("surrogate", all_surrogates(), ids=lambda s: type(s).__name__)
with_and_without_recurrence = pytest.mark.parametrize("recurrence", [False, True], ids=["feedforward", "recurrent"])
with_and_without_cap = pytest.mark.parametrize("capped", [False, True], ids=["all", "capped"])


def check_by_finite_differences(case: Case, keep: Tensor | None) -> None:
    """Check every gradient of a layer, spikes smooth and resets frozen at what they see in a run with real spikes."""
    generator = torch.Generator().manual_seed(5)
    batch, neurons = case.d_states[0].shape
    start = torch.rand(len(case.neuron.states), batch, neurons, dtype=torch.float64, generator=generator)
    first = (torch.rand(batch, neurons, generator=generator) < 0.5).double()
    sums = [case.x, case.weight] + ([] if case.recurrent_weight is None else [case.recurrent_weight])
    operation = feedforward if case.recurrent_weight is None else recurrent
    rest = {"neuron": case.neuron, "depth": case.depth, "surrogate": case.surrogate, "keep": keep}

    def run(*leaves: Tensor, frozen: Tensor | None = None):  # type: ignore[no-untyped-def]
        arguments, leaves = leaves[: len(sums) + 1], leaves[len(sums) + 1 :]
        (spike, *states), parameters = leaves[: 1 + len(start)], leaves[1 + len(start) :]
        return operation(*arguments, (tuple(states), spike), parameters=parameters, frozen=frozen, **rest)

    leaves = [leaf.clone().requires_grad_() for leaf in (*sums, case.bias, first, *start, *case.parameters)]
    real = run(*leaves)[2] >= 0
    frozen = torch.cat([first[None], real[:-1].double()])  # [T, B, N]

    def outputs(*leaves: Tensor) -> tuple[Tensor, ...]:
        spikes, _, margin, (states, spike) = run(*leaves, frozen=frozen)
        return (spikes, margin, *states, spike)

    assert bool(real.any())
    assert torch.autograd.gradcheck(outputs, leaves, **FINITE_DIFFERENCES)


def small_case(neuron: Neuron, surrogate: Surrogate, *, recurrence: bool) -> Case:
    return random_case(
        steps=5,
        batch=2,
        inputs=4,
        neurons=3,
        activity=0.4,
        recurrent=recurrence,
        bias=True,
        per_neuron=True,
        neuron=neuron,
        surrogate=surrogate,
        depth=-0.5,
        seed=1,
    )


@with_and_without_recurrence
@with_and_without_cap
@every_neuron
def test_layer_by_finite_differences(neuron: Neuron, recurrence: bool, capped: bool) -> None:
    case = small_case(neuron, SuperSpike(10.0), recurrence=recurrence)
    keep = torch.rand(case.d_spikes.shape, generator=torch.Generator().manual_seed(6)) < 0.5 if capped else None
    check_by_finite_differences(case, keep)


@every_surrogate
def test_every_surrogate_by_finite_differences(surrogate: Surrogate) -> None:
    check_by_finite_differences(small_case(lif.neuron("zero"), surrogate, recurrence=True), None)


@every_surrogate
def test_fire_by_finite_differences(surrogate: Surrogate) -> None:
    margin = torch.empty(40, dtype=torch.float64).uniform_(-1, 1, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(
        lambda m: fire(m, -0.3, surrogate, smooth=True), margin.requires_grad_(), **FINITE_DIFFERENCES
    )


@pytest.mark.parametrize("bias", [False, True], ids=["no_bias", "bias"])
def test_readout_by_finite_differences(bias: bool) -> None:
    case = random_case(steps=5, batch=2, inputs=4, neurons=3, bias=bias, per_neuron=True)
    beta, gain, _ = case.parameters
    leaves = [case.x, case.weight, *([case.bias] if bias else []), case.d_states[0], beta, gain]
    leaves = [leaf.clone().requires_grad_() for leaf in leaves]

    def outputs(*leaves: Tensor) -> tuple[Tensor, ...]:
        x, weight, *given_bias, state, beta, gain = leaves
        return readout(x, weight, *(given_bias or [None]), state, beta=beta, gain=gain)

    assert torch.autograd.gradcheck(outputs, leaves, **FINITE_DIFFERENCES)


@with_and_without_recurrence
@with_and_without_cap
@pytest.mark.parametrize("reset", list(RESETS))
def test_gradients_are_the_papers_equations(reset: str, recurrence: bool, capped: bool) -> None:
    case = random_case(recurrent=recurrence, bias=True, neuron=lif.neuron(reset), activity=0.2, depth=-0.3)
    keep = torch.rand(case.d_spikes.shape, generator=torch.Generator().manual_seed(6)) < 0.5 if capped else None
    results = run_reference(case, keep)
    slope = case.surrogate.windowed_derivative(results["margin"], case.depth)
    spikes = (results["margin"] >= 0).double()
    beta, gain, _ = case.parameters
    outside = case.d_spikes if keep is None else case.d_spikes * keep
    lam = torch.zeros_like(spikes)
    later = case.d_states[0]  # beta k[t] lam[t+1]; after the last step, what the last state's gradient gives
    for t in reversed(range(len(spikes))):
        g = outside[t]
        if recurrence and t + 1 < len(spikes):
            g = g + gain * lam[t + 1] @ case.recurrent_weight
        lam[t] = slope[t] * g + later
        kept = 1 - spikes[t - 1] if reset == "zero" else 1
        later = beta * kept * lam[t]
    want = {
        "d_x": gain * lam @ case.weight,
        "d_weight": gain * torch.einsum("tbn,tbi->ni", lam, case.x),
        "d_bias": gain * lam.sum((0, 1)),
    }
    if recurrence:
        want["d_recurrent_weight"] = gain * torch.einsum("tbn,tbm->nm", lam[1:], spikes[:-1])
    assert bool((results["window"] & (results["spikes"] == 0)).any())
    for name, expected in want.items():
        assert_close(results[name], expected, kind="float64", name=name)
