"""A neuron of the user's own as part of a layer."""

from dataclasses import replace

import pytest

from spikeloom import InputError
from spikeloom.neurons import KINDS, Neuron, Parameter, lif
from spikeloom.nn import Spiking


@pytest.mark.parametrize("name", ["weight", "delay", "second_threshold", "limit", "route"])
def test_a_parameter_has_no_name_of_the_layers_own(name: str) -> None:
    neuron = replace(lif.neuron(), parameters=(*lif.neuron().parameters[:2], Parameter(name, 1.0)))
    message = f"neuron LIF.zero: expected parameters with names .* itself, got {name}; call them something else"
    with pytest.raises(InputError, match=message):
        Spiking(3, 4, neuron=neuron)


@pytest.mark.parametrize("name", KINDS)
def test_those_of_spikeloom_have_none(name: str) -> None:
    layer = Spiking(3, 4, neuron=KINDS[name](), recurrent="one-to-one", refractory=2)
    assert set(layer.neuron.names) <= dict(layer.named_buffers()).keys()


def test_a_window_above_the_margin_of_a_neuron_without_threshold_is_refused() -> None:
    neuron = Neuron("plain", lambda state, spike, current, p: ((current,), current), ("membrane",), ())
    message = "second_threshold: expected at most the threshold, 0 of a neuron without one, got 0.9"
    with pytest.raises(InputError, match=message):
        Spiking(3, 4, neuron=neuron, second_threshold=0.9)
