"""Runs with other neurons than LIF, from their settings to the loaded network."""

from pathlib import Path

import pytest
import torch
from recordings import small_config, write_nmnist
from safetensors.torch import load_file
from stopped_runs import assert_same, quiet, stopped_after

import spikeloom
from spikeloom import InputError
from spikeloom.train import session, settings


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nmnist(tmp_path_factory.mktemp("nmnist") / "data")


NEURON = """
from spikeloom.neurons import Neuron, Parameter, detach

def step(state, spike, current, p):
    after = p[0] * state[0] * (1.0 - detach(spike)) + current + 0.1 * state[0] / (1.0 + state[0] ** 2)
    return (after,), after - p[1]

MINE = Neuron("mine", step, ("membrane",), (Parameter("beta", 0.8, 0.0, 1.0), Parameter("threshold", 0.5, 0.0)))
"""
NEURONS = {
    "se_adlif": {"neuron": "se_adlif", "learn": "beta,rho", "recurrent": "true", "refractory": "3", "delay": "2"},
    "one to one": {"recurrent": "one-to-one", "refractory": "2", "learn": "beta", "neuron_parameters": "gain=0.5"},
    "mine": {"learn": "beta,threshold", "learn_per": "layer", "weight_decay": "0.1"},
}


@pytest.mark.parametrize("name", NEURONS)
def test_runs_of_other_neurons_go_on_and_load(data: Path, tmp_path: Path, name: str) -> None:
    file, given = tmp_path / "neurons.py", NEURONS[name]
    file.write_text(NEURON)
    given = given | ({"neuron": f"{file}:MINE"} if name == "mine" else {})
    config, run = small_config(data, **given), tmp_path / "run"
    session.train(config, tmp_path / "whole", quiet())
    stopped_after(config, run, 1)
    assert session.resume(run, report=quiet()).test is not None
    assert_same(tmp_path / "whole", run)
    loaded = spikeloom.load(run)
    assert loaded.settings == config.network
    weights = loaded.network.state_dict()
    shifts = [value for key, value in weights.items() if key.endswith("_shift")]
    assert len(shifts) == 2 * len(config.network.learn) + 2 * (name == "one to one")
    assert all(bool(shift.any()) for shift in shifts), "they have learned"
    assert all(torch.equal(weights[key], value) for key, value in load_file(run / "model.safetensors").items())
    assert torch.equal(loaded.network[0].value("beta"), spikeloom.load(tmp_path / "whole").network[0].value("beta"))


def test_settings_of_neurons_are_read_back(data: Path) -> None:
    config = small_config(data, **NEURONS["se_adlif"], neuron_parameters="rho=0.95,a=1")
    assert config.network.neuron_parameters == ("rho=0.95", "a=1")
    assert config.network.learn == ("beta", "rho")
    assert settings.override(config, {"recurrent": "one-to-one"}).network.recurrent == "one-to-one"


def test_a_file_that_has_gone_is_named(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "neurons.py"
    with pytest.raises(InputError, match="neuron: expected a file of Python, got .*neurons.py, which is not there"):
        session.train(small_config(data, neuron=f"{file}:MINE"), tmp_path / "run", quiet())
