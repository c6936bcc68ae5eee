"""The network of a run: what its settings make, and what it shows of its layers."""

from typing import Any

import pytest
from networks import STEPS, classifier

from spikeloom import InputError
from spikeloom.neurons import KINDS, lif, se_adlif


@pytest.mark.parametrize("readout", ["li", "spikes"])
def test_dropout_is_for_what_hears_hidden_neurons(readout: str) -> None:
    layers = classifier(active=None, dropout=0.3, readout=readout).network
    assert [layer.dropout for layer in layers] == [0.0, 0.3, 0.3]
    assert [layer.dropout for layer in classifier(active=None, hidden=(), dropout=0.3, readout=readout).network] == [0]


def test_a_linear_readout_has_no_dropout() -> None:
    with pytest.raises(InputError, match="dropout: expected 0 beside readout=linear, got 0.3; set readout=li"):
        classifier(active=None, dropout=0.3, readout="linear")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_neuron(kind: str) -> None:
    """Of the settings that all neurons share each takes those that it has; a readout of spikes is of the same kind."""
    layers = classifier(active=None, neuron=kind, gain=0.5, threshold=1.25, readout="spikes", reset="subtract").network
    for layer in layers:
        assert layer.neuron is KINDS[kind]("subtract")
        assert (float(layer.gain), float(layer.threshold)) == (0.5, 1.25)


def test_settings_are_those_of_the_hidden_layers() -> None:
    settings: dict[str, Any] = {"refractory": 2, "delay": 3, "learn": ("beta",), "recurrent": "one-to-one"}
    first, second, last = classifier(active=None, readout="spikes", **settings).network
    assert (first.delay, second.delay, last.delay) == (0, 3, 0), "events are heard as they come"
    for layer in (first, second):
        assert layer.neuron.states == ("membrane", "rest")
        assert layer.learned == ("beta", "self_weight")
    assert last.neuron is lif.neuron("zero")
    assert last.learned == ()


def test_parameters_of_the_neuron() -> None:
    given = ("rho=0.75", " a = -0.5", "threshold=2")
    layer = classifier(active=None, neuron="se_adlif", neuron_parameters=given, beta=0.8).network[0]
    assert [float(layer.value(name)) for name in ("rho", "a", "threshold")] == [0.75, -0.5, 2.0]
    assert float(layer.beta) == pytest.approx(0.8)
    assert layer.neuron is se_adlif.neuron("zero")


def test_time_constants_count_in_steps_of_the_data() -> None:
    given = ("tau_adaptation_ms=100",)
    layer = classifier(active=None, neuron="alif", neuron_parameters=given, beta=None, tau_ms=20.0).network[0]
    assert STEPS == 20
    assert float(layer.beta) == pytest.approx(2.718281828 ** (-1 / 20))
    assert float(layer.rho) == pytest.approx(2.718281828 ** (-1 / 100))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"neuron": "lf"}, "neuron: expected one of if, lif, .*, or FILE.py:NAME, got 'lf'"),
        ({"neuron_parameters": ("gain",)}, "neuron_parameters: expected NAME=NUMBER, with commas between, got 'gain'"),
        (
            {"neuron_parameters": ("a=1=2",)},
            "neuron_parameters: expected NAME=NUMBER, with commas between, got 'a=1=2'",
        ),
        ({"neuron_parameters": ("gain=much",)}, "neuron_parameters: expected NAME=NUMBER, .* got 'gain=much'"),
        ({"neuron_parameters": ("rho=0.5",)}, "rho: expected one of the parameters of LIF.zero: beta, gain, threshold"),
        ({"neuron_parameters": ("beta=2",)}, "beta: expected numbers from 0 to 1, got 2"),
        ({"neuron_parameters": ("tau_ms=9",)}, "beta: expected beta or tau_ms, got both; give one of them"),
        ({"neuron": "if", "beta": None, "tau_ms": 9.0}, "tau_ms: expected one of the parameters of IF.zero"),
        ({"neuron": "se_adlif", "neuron_parameters": ("a=9000",)}, "a: expected numbers from -1 to .*, got 9000"),
        ({"learn": ("rho",)}, "learn: expected parameters of LIF.zero: beta, gain, threshold, got rho"),
        ({"refractory": -1}, "refractory: expected a number of steps of at least 0, got -1"),
        ({"delay": -1}, "delay: expected a number of steps of at least 0, got -1"),
    ],
)
def test_settings_that_a_neuron_refuses(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        classifier(active=None, **settings)
