"""What a recipe's table says without its data, against the data sets, the readers and the networks themselves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikeloom.data import dvsgesture, nmnist, places
from spikeloom.data.binning import Binning, encode
from spikeloom.data.catalogue import open_dataset
from spikeloom.data.ear import Ear
from spikeloom.data.heidelberg import SENSOR as HEIDELBERG
from spikeloom.nn.blocked import Blocked
from spikeloom.train import measure, recipes, settings
from spikeloom.train import run as runs


@pytest.fixture(autouse=True)
def _no_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIKELOOM_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(places, "converted", lambda: tmp_path / "converted")


def test_the_shapes_are_those_of_the_readers() -> None:
    assert set(measure.SHAPES) == {recipes.named(name).data.dataset for name in recipes.names()}
    sensors = {"nmnist": nmnist.SENSOR, "shd": HEIDELBERG, "dvsgesture": dvsgesture.SENSOR, "fsdd": Ear().sensor}
    for name, sensor in sensors.items():
        assert measure.SHAPES[name].sensor == sensor
    for name in ("digits", "randman"):
        dataset, shape = open_dataset(name, None, "train"), measure.SHAPES[name]
        assert (dataset.sensor, dataset.classes, len(dataset)) == (shape.sensor, shape.classes, shape.samples)


@pytest.mark.parametrize("name", ["digits", "fsdd"])
def test_weights_are_those_of_the_network(name: str) -> None:
    config = recipes.named(name)
    shape = measure.SHAPES[name]
    model = runs.classifier(config, shape.sensor, shape.classes)
    layers = [layer for layer in model.network if isinstance(layer, Blocked)]
    assert len(layers) == len(model.network)
    # Their tensors are padded to whole blocks.
    assert measure.weights(config) == sum(layer.out_features * sum(layer._layouts().values()) for layer in layers)


def test_every_recipe_has_a_measured_time_and_samples_as_it_trains_on_them() -> None:
    assert set(measure.SAMPLES_PER_S) == set(recipes.names())
    for name in recipes.names():
        assert (measure.seconds(recipes.named(name)) or 0) > 0
    assert measure.training_samples(recipes.digits()) == 1293
    assert measure.seconds(replace(recipes.digits(), recipe="mine")) is None


def test_noise_is_as_active_as_the_data() -> None:
    config = recipes.shd()
    noise = measure.Noise(measure.SHAPES["shd"], 1000.0, 100, samples=4)
    spikes = encode([noise[i][0] for i in range(4)], Binning(noise.sensor, config.data.dt_ms, config.data.steps))
    assert spikes.activity == pytest.approx(48 / 700, rel=0.01)
    assert np.array_equal(noise[2][0].x, noise[2][0].x)


def test_a_recipe_without_its_data_is_measured_on_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "LEAST_S", 0.05)
    small = {"steps": "5", "dt_ms": "2", "batch_size": "8", "hidden": "16"}
    config = settings.override(recipes.shd(), small)
    assert not measure.has_data(config)
    assert measure.measure(config).samples_per_s > 1
