"""What a neuron's description may look like."""

import pytest

from spikeloom import InputError
from spikeloom.neurons import Neuron, Parameter, equations


def step(state, spike, current, p):  # type: ignore[no-untyped-def]
    return (state[0] + current,), state[0] - p[0]


def test_lists_do_as_well_as_tuples() -> None:
    listed = Neuron("mine", step, states=["x"], parameters=[Parameter("threshold", 1.0)])  # type: ignore[arg-type]
    as_tuples = Neuron("mine", step, states=("x",), parameters=(Parameter("threshold", 1.0),))
    assert listed == as_tuples
    assert equations(listed) is equations(as_tuples), "one description, traced once"


def test_a_comma_left_out_is_said() -> None:
    with pytest.raises(InputError, match=r"neuron mine: states: expected a tuple of names, .* got membrane; mind the"):
        Neuron("mine", step, states=("membrane"), parameters=())  # type: ignore[arg-type]
