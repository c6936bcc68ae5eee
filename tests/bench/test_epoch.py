"""An epoch beside plain torch: the rivals have the same network, and all are measured."""

import json
from pathlib import Path

import pytest
import torch
from recordings import small_config, write_nmnist

from spikeloom.bench import epoch
from spikeloom.bench.torch_dense import VARIANTS, DenseNet
from spikeloom.checks import InputError
from spikeloom.train import recipes
from spikeloom.train import run as runs
from spikeloom.train.config import Config
from spikeloom.train.datasets import loaders


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A recurrent network whose readout decays otherwise than its hidden layers."""
    return small_config(write_nmnist(tmp_path / "data"), recurrent="true", readout_beta="0.98", validation="0")


@pytest.mark.parametrize("name", epoch.RIVALS)
def test_rivals_have_the_same_network(name: str, config: Config) -> None:
    batches = loaders(config).train
    model = runs.classifier(config, batches.dataset.sensor, batches.dataset.classes)
    spikes, _ = next(iter(batches))
    outputs, hidden = VARIANTS[name](DenseNet(epoch.problem_of(model, config)), spikes.dense())
    expected = model(spikes)
    assert expected.abs().max() > 0
    torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-5)
    assert len(hidden) == len(config.network.hidden)


def test_all_are_measured(config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(epoch, "ROUNDS", 1)
    monkeypatch.setattr(recipes, "named", lambda name: config)
    assert epoch.run("small", config.data.path, 16, 1, True) == 0
    result = json.loads(capsys.readouterr().out)
    assert {name: len(times) for name, times in result["seconds"].items()} == {
        epoch.OURS: epoch.OWN_EPOCHS,
        **dict.fromkeys(epoch.RIVALS, 1),
    }
    assert all(time > 0 for times in result["seconds"].values() for time in times)
    assert (result["samples"], result["network"]) == (16, [2312, 32, 16, 10])
    assert 0 < result["input_activity"] < 1
    assert 0 <= result["waited"] <= 1
    assert epoch.run("small", config.data.path, 16, 1, False) == 0
    assert "per_step_fp32" in capsys.readouterr().out


def test_only_a_leaky_readout_has_a_rival(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    from spikeloom.train import settings

    monkeypatch.setattr(recipes, "named", lambda name: settings.override(config, {"readout": "spikes"}))
    with pytest.raises(InputError, match="readout: expected li, got spikes"):
        epoch.run("small", config.data.path, 16, 1, True)


def test_other_neurons_have_no_rival_and_settings_can_be_changed(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "named", lambda name: config)
    with pytest.raises(InputError, match="neuron: expected lif, .* got alif; --set neuron=lif"):
        epoch.run("small", config.data.path, 16, 1, True, {"neuron": "alif"})
