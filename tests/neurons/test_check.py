"""What `neurons.check` lets pass and what it refuses, beside adjoints."""

import pytest
import torch

from spikeloom import InputError, neurons
from spikeloom.neurons import Neuron, Parameter, where

THRESHOLD = (Parameter("threshold", 1.0),)


def test_a_choice_between_two_numbers_is_no_error() -> None:
    """torch would take the numbers in float32."""

    def step(state, spike, current, p):  # type: ignore[no-untyped-def]
        (x,) = state
        x = where(x > 0.0, 0.9, 0.7) * x + current
        return (x,), x - p[0]

    neurons.check(Neuron("leaky on both sides", step, states=("x",), parameters=THRESHOLD))
    assert torch.get_default_dtype() == torch.float32


def test_the_default_type_comes_back_after_an_error() -> None:
    calls = []

    def step(state, spike, current, p):  # type: ignore[no-untyped-def]
        calls.append(1)
        if len(calls) > 1:  # the first call is the tracer's
            raise RuntimeError("a step of one's own")
        return state, state[0] - p[0]

    with pytest.raises(RuntimeError, match="a step of one's own"):
        neurons.check(Neuron("broken", step, states=("x",), parameters=THRESHOLD))
    assert torch.get_default_dtype() == torch.float32


def test_a_method_of_tensors_is_refused() -> None:
    step = lambda state, spike, current, p: ((state[0].clamp(0, 1),), current)  # noqa: E731
    with pytest.raises(InputError, match=r"mine.step: expected \+ - .* got something else: .* no attribute 'clamp'"):
        neurons.check(Neuron("mine", step, states=("x",), parameters=()))


def test_something_else_than_a_neuron_is_refused() -> None:
    with pytest.raises(InputError, match="neuron: expected a spikeloom.neurons.Neuron, got function"):
        neurons.check(lambda: None)  # type: ignore[arg-type]
