"""The adjoint of every neuron is what autograd makes of its step; a new neuron file is found, no list has to grow."""

import pytest
import torch
from adaptive import ADAPTIVE
from oracle import all_neurons, assert_close
from torch import Tensor

from spikeloom import InputError, neurons
from spikeloom.neurons import Neuron

SHAPE = (7, 33)  # B, N
every_neuron = pytest.mark.parametrize("neuron", [*all_neurons(), ADAPTIVE], ids=lambda n: n.name)


def random_step(neuron: Neuron, *, per_neuron: bool) -> tuple[tuple[Tensor, ...], Tensor, Tensor, tuple[object, ...]]:
    """State, spike, current and parameters of one step, in float64."""
    generator = torch.Generator().manual_seed(3)
    uniform = torch.empty(len(neuron.states) + 1, *SHAPE, dtype=torch.float64).uniform_(-1, 2, generator=generator)
    spike = (torch.rand(SHAPE, generator=generator) < 0.4).double()
    parameters = torch.empty(len(neuron.parameters), SHAPE[1], dtype=torch.float64)
    parameters.uniform_(0.2, 0.9, generator=generator)
    numbers = tuple(parameters) if per_neuron else tuple(float(p[0]) for p in parameters)
    return tuple(uniform[:-1]), spike, uniform[-1], numbers


@every_neuron
@pytest.mark.parametrize("per_neuron", [False, True], ids=["numbers", "per_neuron"])
def test_adjoint_is_autograd_of_the_step(neuron: Neuron, per_neuron: bool) -> None:
    state, spike, current, p = random_step(neuron, per_neuron=per_neuron)
    inputs = [x.clone().requires_grad_() for x in (*state, spike, current)]
    after, margin = neuron.step(tuple(inputs[:-2]), inputs[-2], inputs[-1], p)
    generator = torch.Generator().manual_seed(4)
    upstream = [torch.randn(SHAPE, dtype=torch.float64, generator=generator) for _ in (*after, margin)]
    want = torch.autograd.grad([*after, margin], inputs, upstream, allow_unused=True, materialize_grads=True)
    d_state, d_spike, d_current = neuron.adjoint(tuple(upstream[:-1]), upstream[-1], spike, p)
    names = [*(f"d_{name}" for name in neuron.states), "d_spike", "d_current"]
    for name, got, expected in zip(names, (*d_state, d_spike, d_current), want, strict=True):
        whole = torch.as_tensor(got, dtype=torch.float64).expand(SHAPE)  # a plain 0.0 stands for no gradient
        assert_close(whole, expected, kind="float64", name=f"{neuron.name} {name}")


@every_neuron
def test_step_gives_what_the_neuron_says(neuron: Neuron) -> None:
    state, spike, current, p = random_step(neuron, per_neuron=False)
    after, margin = neuron.step(state, spike, current, p)
    assert len(after) == len(neuron.states)
    assert {x.shape for x in (*after, margin)} == {torch.Size(SHAPE)}
    assert len(set(neuron.states)) == len(neuron.states)
    assert len(set(neuron.parameters)) == len(neuron.parameters)


@every_neuron
def test_step_and_adjoint_keep_the_dtype(neuron: Neuron) -> None:
    state, spike, current, p = random_step(neuron, per_neuron=False)
    state, spike, current = tuple(x.float() for x in state), spike.float(), current.float()
    after, margin = neuron.step(state, spike, current, p)
    d_state, _, d_current = neuron.adjoint(after, margin, spike, p)
    assert {x.dtype for x in (*after, margin, *d_state, d_current)} == {torch.float32}


@pytest.mark.parametrize("neuron", all_neurons(), ids=lambda n: n.name)
def test_name_finds_the_neuron_again(neuron: Neuron) -> None:
    assert neurons.named(neuron.name) == neuron


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(InputError, match="neuron: expected the name of a module in spikeloom.neurons, got izhikevich"):
        neurons.named("izhikevich")
