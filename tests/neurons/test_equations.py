"""The equations of every neuron: the traced step is the step, the adjoint is autograd's, little is kept."""

from dataclasses import replace

import pytest
import torch
from oracle import all_neurons, assert_close
from own_neurons import ADAPTIVE, QUADRATIC
from torch import Tensor

from spikeloom import InputError, neurons
from spikeloom.neurons import Neuron, Parameter, detach, equations, from_text, li, lif, one_to_one, refractory
from spikeloom.neurons.check import TORCH
from spikeloom.neurons.resets import RESETS

SHAPE = (7, 33)  # B, N
EXTENDED = [extend(lif.neuron()) for extend in (one_to_one, lambda n: refractory(n, 2))]
every_neuron = pytest.mark.parametrize("neuron", [*all_neurons(), *EXTENDED, ADAPTIVE, QUADRATIC], ids=lambda n: n.name)


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
def test_adjoint_is_autograd_of_the_step(neuron: Neuron) -> None:
    state, spike, current, p = random_step(neuron, per_neuron=True)
    inputs = [x.expand(SHAPE).clone().requires_grad_() for x in (*state, spike, current, *p)]
    states = len(neuron.states)
    after, margin = neuron.step(tuple(inputs[:states]), *inputs[states : states + 2], tuple(inputs[states + 2 :]))
    made = equations(neuron, neuron.names)
    outputs = [x.expand(SHAPE) for x in (*after, margin)]
    for got, want in zip(made.step.run(inputs, TORCH), outputs, strict=True):
        assert_close(got, want, kind="exact", name=f"{neuron.name} step")
    generator = torch.Generator().manual_seed(4)
    upstream = [torch.randn(SHAPE, dtype=torch.float64, generator=generator) for _ in outputs]
    live = [(x, d) for x, d in zip(outputs, upstream, strict=True) if x.requires_grad]
    ends, given = zip(*live, strict=True)
    want = torch.autograd.grad(ends, inputs, given, allow_unused=True, materialize_grads=True)
    saved = [(*state, current)[i] for i in made.kept]
    results = made.adjoint.run([*upstream, spike, *p, *saved], TORCH)
    for name, got, expected in zip((*neuron.states, "spike", "current", *neuron.names), results, want, strict=True):
        assert_close(got.expand(SHAPE).clone(), expected, kind="float64", name=f"{neuron.name} {name}")


@every_neuron
def test_step_gives_what_the_neuron_says(neuron: Neuron) -> None:
    state, spike, current, p = random_step(neuron, per_neuron=False)
    after, margin = neuron.step(state, spike, current, p)
    assert len(after) == len(neuron.states)
    assert {x.shape for x in (*after, margin)} == {torch.Size(SHAPE)}


@every_neuron
def test_step_keeps_the_dtype(neuron: Neuron) -> None:
    state, spike, current, p = random_step(neuron, per_neuron=False)
    after, margin = neuron.step(tuple(x.float() for x in state), spike.float(), current.float(), p)
    assert {x.dtype for x in (*after, margin)} == {torch.float32}


@every_neuron
def test_text_holds_all(neuron: Neuron) -> None:
    made = equations(neuron, neuron.names[:1])
    assert from_text(made.text) == made
    assert made.text != equations(neuron).text


@pytest.mark.parametrize("neuron", all_neurons(), ids=lambda n: n.name)
def test_a_linear_neuron_keeps_nothing_but_bits(neuron: Neuron) -> None:
    assert equations(neuron).kept == ()


def test_what_is_kept_is_what_the_adjoint_needs() -> None:
    assert equations(lif.neuron(), ("threshold",)).kept == ()
    assert equations(lif.neuron(), ("beta",)).kept == (0,)  # the membrane
    assert equations(li.neuron(), ("gain",)).kept == (1,)  # the current
    assert equations(QUADRATIC).kept == (0, 1)


def test_an_adjoint_of_ones_own_is_taken() -> None:
    doubled = replace(ADAPTIVE, adjoint=lambda *given: (given[0], 0.0, 2.0 * given[1]))
    results = equations(doubled).adjoint.run([*map(float, range(1, 4)), 1.0, *[0.5] * 5], NUMBERS)
    assert results == (1.0, 2.0, 0.0, 6.0)


NUMBERS = {"constant": float, "multiply": lambda a, b: a * b}


def test_check_finds_a_wrong_adjoint() -> None:
    neurons.check(ADAPTIVE)
    wrong = replace(ADAPTIVE, adjoint=lambda d_state, *rest: (d_state, 0.0, 0.0))
    with pytest.raises(InputError, match="adaptive, the derivative by membrane: expected what autograd makes"):
        neurons.check(wrong)


def test_check_finds_a_step_that_is_not_what_was_traced() -> None:
    calls = []

    def step(state, spike, current, p):  # type: ignore[no-untyped-def]
        calls.append(1)
        return (state[0] + len(calls) * current,), state[0]

    with pytest.raises(InputError, match="unsteady.step, x: expected what autograd makes of the step"):
        neurons.check(Neuron("unsteady", step, ("x",), ()))


@pytest.mark.parametrize("reset", RESETS)
def test_a_reset_lets_no_gradient_through(reset: str) -> None:
    for neuron in (lif.neuron(reset), refractory(lif.neuron(reset), 3)):
        made = equations(neuron)
        d = made.adjoint.run([1.0] * made.adjoint.inputs, FLOATS)
        assert d[len(neuron.states)] == 0.0


FLOATS = {
    "constant": float,
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "negate": lambda a: -a,
    "at_least": lambda a, b: a >= b,
    "where": lambda c, a, b: a if c else b,
}

UNUSABLE = {
    "if": (lambda s, spike, i, p: ((s[0],), s[0] if i > 0 else i), "no `if`"),
    "another library": (
        lambda s, spike, i, p: ((torch.tanh(s[0]),), i),
        "mine.step: .* got something else: tanh",
    ),
    "a comparison as a number": (lambda s, spike, i, p: ((s[0] * (i > 0),), i), r"use where\(condition, 1.0, 0.0\)"),
    "a root": (lambda s, spike, i, p: ((s[0] ** 0.5,), i), "whole power"),
    "too few results": (lambda s, spike, i, p: (s[0],), "mine.step: expected"),
    "no tuple": (lambda s, spike, i, p: i, "mine.step: expected"),
    "two states for one": (lambda s, spike, i, p: ((i, i), i), "mine.step: expected"),
    "text": (lambda s, spike, i, p: (("0",), i), "got str"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_cannot_be_traced_is_an_error(name: str) -> None:
    step, message = UNUSABLE[name]
    with pytest.raises(InputError, match=message):
        equations(Neuron("mine", step, ("x",), ()))


def test_a_name_stands_for_one_thing() -> None:
    with pytest.raises(InputError, match="neuron mine: expected each state and parameter with a name of its own"):
        Neuron("mine", lif.neuron().step, ("x",), (Parameter("x", 1.0),))


def test_a_constant_result_is_one() -> None:
    made = equations(Neuron("still", lambda s, spike, i, p: ((0.0,), detach(s[0])), ("x",), ()))
    assert made.step.run([3.0, 0.0, 1.0], NUMBERS) == (0.0, 3.0)
    assert made.adjoint.run([1.0, 1.0, 0.0], NUMBERS) == (0.0, 0.0, 0.0)
