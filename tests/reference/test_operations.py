"""The single operations: readout, product and selection, by hand and by their own sums."""

import pytest
import torch
from oracle import assert_close, random_case

from spikeloom.neurons import li
from spikeloom.reference import fire, product, readout, select
from spikeloom.surrogates import SuperSpike


def test_readout_by_hand() -> None:
    # I = x / 4 + 1/2 = 0.75, 0.5, 0.75; M = 2 I + M / 2
    x = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64).view(3, 1, 1)
    weight, bias = torch.full((1, 1), 0.25, dtype=torch.float64), torch.full((1,), 0.5, dtype=torch.float64)
    membrane, state = readout(x, weight, bias, beta=0.5, gain=2.0)
    assert membrane.flatten().tolist() == [1.5, 1.75, 2.375]
    assert state.item() == 2.375
    assert readout(x, weight, bias, state, beta=0.5, gain=2.0)[0][0].item() == 1.5 + 2.375 / 2
    assert readout(x, weight, beta=0.5)[0].flatten().tolist() == [0.25, 0.125, 0.3125]


@pytest.mark.parametrize("classes", [1, 33, 63, 65])
@pytest.mark.parametrize("per_neuron", [False, True], ids=["numbers", "per_neuron"])
def test_readout_is_the_leaky_integrator_on_the_product(classes: int, per_neuron: bool) -> None:
    case = random_case(neurons=classes, bias=True, neuron=li.neuron(), per_neuron=per_neuron)
    beta, gain = case.parameters
    state, want = (torch.zeros(3, classes, dtype=torch.float64),), []
    for current in product(case.x, case.weight) + case.bias:
        state, membrane = case.neuron.step(state, 0.0, current, case.parameters)
        want.append(membrane)
    membrane, last = readout(case.x, case.weight, case.bias, beta=beta, gain=gain)
    assert_close(membrane, torch.stack(want), kind="float64")
    assert_close(last, membrane[-1], kind="exact")


def test_readout_in_two_halves_is_one_whole() -> None:
    case = random_case(neurons=10, bias=True)
    x, weight = case.x.clone().requires_grad_(), case.weight.clone().requires_grad_()
    whole, _ = readout(x, weight, case.bias, beta=0.9, gain=0.5)
    first, state = readout(x[:7], weight, case.bias, beta=0.9, gain=0.5)
    second, _ = readout(x[7:], weight, case.bias, state, beta=0.9, gain=0.5)
    assert_close(torch.cat([first, second]), whole, kind="exact")
    want = torch.autograd.grad(whole, [x, weight], case.d_spikes)
    got = torch.autograd.grad([first, second], [x, weight], [case.d_spikes[:7], case.d_spikes[7:]])
    for one, other in zip(got, want, strict=True):
        assert_close(one, other, kind="float64")


@pytest.mark.parametrize("neurons", [1, 33, 63, 65])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_product_sums_the_weights_of_inputs_that_spiked(neurons: int, dtype: torch.dtype) -> None:
    case = random_case(neurons=neurons, inputs=neurons, dyadic=True, activity=0.3).to(dtype)
    currents = product(case.x, case.weight)
    for t, b in ((0, 0), (7, 2), (19, 1)):
        want = sum(
            (case.weight[:, i] for i in case.x[t, b].nonzero().flatten().tolist()), torch.zeros(neurons, dtype=dtype)
        )
        assert_close(currents[t, b], want, kind="exact")


def test_product_gives_no_gradient_to_inputs_that_never_spike() -> None:
    case = random_case(activity=0.02)
    weight = case.weight.clone().requires_grad_()
    (d_weight,) = torch.autograd.grad(product(case.x, weight), weight, case.d_spikes)
    silent = ~case.x.any(0).any(0)
    assert bool(silent.any())
    assert not bool(d_weight[:, silent].any())
    assert bool(d_weight[:, ~silent].all())


@pytest.mark.parametrize("per_neuron", [False, True], ids=["numbers", "per_neuron"])
def test_select_by_hand(per_neuron: bool) -> None:
    u = torch.tensor([0.5, 0.75, 0.875, 1.0, 1.5], dtype=torch.float64).view(5, 1, 1).requires_grad_()
    one, second = 1.0, 0.75
    if per_neuron:
        one, second = torch.ones(1, dtype=torch.float64), torch.full((1,), 0.75, dtype=torch.float64)
    spikes, window = select(u, threshold=one, second_threshold=second, surrogate=SuperSpike(10.0))
    assert spikes.flatten().tolist() == [0, 0, 0, 1, 1]
    assert window.flatten().tolist() == [False, True, True, True, True]
    (d_u,) = torch.autograd.grad(spikes.sum(), u)
    want = torch.tensor([0, 1 / 3.5**2, 1 / 2.25**2, 1, 1 / 36], dtype=torch.float64)
    assert_close(d_u.flatten(), want, kind="float64")


def test_a_threshold_that_learns_carries_its_window_along() -> None:
    threshold = torch.full((3,), 0.5, dtype=torch.float64, requires_grad=True)
    u = torch.tensor([0.25, 0.375, 0.5], dtype=torch.float64).view(1, 1, 3)
    spikes, _ = select(u, threshold=threshold, second_threshold=threshold - 0.125, surrogate=SuperSpike(10.0))
    (d_threshold,) = torch.autograd.grad(spikes.sum(), threshold)
    assert_close(d_threshold, torch.tensor([0, -1 / 2.25**2, -1], dtype=torch.float64), kind="float64")


def test_fire_at_the_threshold_spikes_and_nan_does_not() -> None:
    margin = torch.tensor([-0.0, 0.0, -1e-30, float("nan"), float("inf")])
    assert fire(margin, -0.1, SuperSpike(10.0)).tolist() == [1, 1, 0, 0, 1]
