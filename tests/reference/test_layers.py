"""What holds for every layer: states pass on, caps cut, neurons do not mix, and the extremes do no harm."""

import math

import pytest
import torch
from oracle import Case, assert_close, random_case, run_reference, spiking_neurons
from own_neurons import ADAPTIVE, QUADRATIC
from torch import Tensor

from spikeloom.neurons import Neuron
from spikeloom.reference import cap, feedforward, recurrent

every_neuron = pytest.mark.parametrize("neuron", [*spiking_neurons(), ADAPTIVE, QUADRATIC], ids=lambda n: n.name)
with_and_without_recurrence = pytest.mark.parametrize("recurrence", [False, True], ids=["feedforward", "recurrent"])
SIZES = [1, 33, 63, 65]


def run(case: Case, x: Tensor, weights: list[Tensor], state=None):  # type: ignore[no-untyped-def]
    """The layer of a case, on other inputs and from another state."""
    operation = feedforward if case.recurrent_weight is None else recurrent
    rest = {"neuron": case.neuron, "parameters": case.parameters, "depth": case.depth, "surrogate": case.surrogate}
    return operation(x, *weights, case.bias, state, **rest)


def leaves_of(case: Case) -> list[Tensor]:
    weights = [w for w in (case.weight, case.recurrent_weight) if w is not None]
    return [leaf.clone().requires_grad_() for leaf in (case.x, *weights)]


@every_neuron
@with_and_without_recurrence
@pytest.mark.parametrize("cut", [1, 9])
def test_two_halves_are_one_whole(neuron: Neuron, recurrence: bool, cut: int) -> None:
    case = random_case(neuron=neuron, recurrent=recurrence, bias=True)
    whole_leaves, leaves = leaves_of(case), leaves_of(case)
    spikes, window, margin, (states, last) = run(case, whole_leaves[0], whole_leaves[1:])
    x, *weights = leaves
    first = run(case, x[:cut], weights)
    second = run(case, x[cut:], weights, first[3])
    for name, whole, parts in (
        ("spikes", spikes, (first[0], second[0])),
        ("window", window, (first[1], second[1])),
        ("margin", margin, (first[2], second[2])),
    ):
        assert_close(torch.cat(parts), whole, kind="exact", name=name)
    for got, want in zip((*second[3][0], second[3][1]), (*states, last), strict=True):
        assert_close(got, want, kind="exact", name="state")
    torch.autograd.backward([spikes, *states], [case.d_spikes, *case.d_states])
    torch.autograd.backward([torch.cat([first[0], second[0]]), *second[3][0]], [case.d_spikes, *case.d_states])
    for got, want in zip(leaves, whole_leaves, strict=True):
        assert_close(got.grad, want.grad, kind="float64", name="gradient")


@every_neuron
@with_and_without_recurrence
def test_a_detached_state_truncates(neuron: Neuron, recurrence: bool) -> None:
    case = random_case(neuron=neuron, recurrent=recurrence, activity=0.3)
    x, *weights = leaves_of(case)
    states, spike = run(case, x[:9], weights)[3]
    detached = tuple(s.detach() for s in states), spike.detach()
    through, _ = torch.autograd.grad(run(case, x[9:], weights, (states, spike))[0].sum(), [x, weights[0]])
    spikes = run(case, x[9:], weights, detached)[0]
    cut, d_weight = torch.autograd.grad(spikes.sum(), [x, weights[0]])
    assert bool(through[:9].any())
    assert not bool(cut[:9].any())
    assert_close(cut[9:], through[9:], kind="float64")
    alone = case.weight.clone().requires_grad_()
    spikes = run(case, case.x[9:], [alone, *weights[1:]], detached)[0]
    assert_close(d_weight, torch.autograd.grad(spikes.sum(), alone)[0], kind="float64")


@pytest.mark.parametrize("neurons", SIZES)
@pytest.mark.parametrize("batch", [1, 3])
def test_neurons_of_a_feedforward_layer_do_not_mix(neurons: int, batch: int) -> None:
    case = random_case(neurons=neurons, batch=batch, inputs=neurons, bias=True, per_neuron=True)
    spikes, window, margin, _ = run(case, case.x, [case.weight])
    for n in {0, neurons // 2, neurons - 1}:
        one = feedforward(
            case.x,
            case.weight[n : n + 1],
            case.bias[n : n + 1],
            neuron=case.neuron,
            parameters=tuple(p[n : n + 1] for p in case.parameters),
            depth=case.depth[n : n + 1],
            surrogate=case.surrogate,
        )
        assert_close(one[2], margin[:, :, n : n + 1], kind="float64")
        assert_close(one[0], spikes[:, :, n : n + 1], kind="exact")
        assert_close(one[1], window[:, :, n : n + 1], kind="exact")


@pytest.mark.parametrize("neurons", SIZES)
@with_and_without_recurrence
def test_per_neuron_parameters_that_agree_are_numbers(neurons: int, recurrence: bool) -> None:
    case = random_case(neurons=neurons, recurrent=recurrence, bias=True)
    spread = [torch.full((neurons,), value, dtype=torch.float64) for value in (*case.parameters, case.depth)]
    rest = {"neuron": case.neuron, "surrogate": case.surrogate}
    operation, (x, *weights) = recurrent if recurrence else feedforward, leaves_of(case)
    got = operation(x, *weights, case.bias, parameters=tuple(spread[:-1]), depth=spread[-1], **rest)
    for one, other in zip(got[:3], run(case, x, weights)[:3], strict=True):
        assert_close(one, other, kind="exact")


@every_neuron
@with_and_without_recurrence
def test_silence_stays_silent_and_takes_no_gradient(neuron: Neuron, recurrence: bool) -> None:
    case = random_case(neuron=neuron, recurrent=recurrence, activity=0.0)
    results = run_reference(case)
    threshold = case.parameters[case.neuron.names.index("threshold")]
    assert not bool(results["spikes"].any() or results["window"].any() or results["state.membrane"].any())
    assert bool((results["margin"] == -threshold).all())
    assert not bool(results["d_weight"].any())


@every_neuron
@with_and_without_recurrence
def test_every_neuron_may_spike_at_every_step(neuron: Neuron, recurrence: bool) -> None:
    results = run_reference(random_case(neuron=neuron, recurrent=recurrence, threshold=-100.0))
    assert bool(results["spikes"].all())
    assert bool(results["window"].all())


def test_a_depth_without_end_takes_every_neuron_in() -> None:
    results = run_reference(random_case(depth=-math.inf))
    assert bool(results["window"].all())
    assert bool(results["d_x"].isfinite().all())


@with_and_without_recurrence
def test_a_cap_acts_on_what_leaves_the_layer_alone(recurrence: bool) -> None:
    case = random_case(recurrent=recurrence, bias=True, activity=0.3)
    free = run_reference(case)
    keep, dropped = cap(free["spikes"], free["window"], max_activity=0.04, seed=7)
    capped = run_reference(case, keep)
    assert dropped == int((free["window"] & ~keep).sum()) > 0
    assert_close(capped["margin"], free["margin"], kind="exact")
    assert_close(capped["state.membrane"], free["state.membrane"], kind="exact")
    assert_close(capped["spikes"], free["spikes"] * keep, kind="exact")
    assert_close(capped["window"], free["window"] & keep, kind="exact")


@with_and_without_recurrence
def test_what_a_cap_drops_carries_no_gradient(recurrence: bool) -> None:
    case = random_case(recurrent=recurrence, activity=0.3)
    x, *weights = leaves_of(case)
    keep = torch.rand(case.d_spikes.shape, generator=torch.Generator().manual_seed(8)) < 0.5
    results = run_reference(case, keep)
    spikes, _, _, (states, _) = run(case, x, weights)
    torch.autograd.backward([spikes, *states], [case.d_spikes * keep, *case.d_states])
    assert_close(results["d_x"], x.grad, kind="float64")
    assert_close(results["d_weight"], weights[0].grad, kind="float64")
