"""The run folder: written whole, refused where it does not fit, and the way back to the network."""

import json
from pathlib import Path

import pytest
import torch
from recordings import small_config, write_nmnist
from safetensors import safe_open
from safetensors.torch import save_file

import spikeloom
from spikeloom import InputError
from spikeloom.data.events import Sensor
from spikeloom.data.nmnist import NMNIST
from spikeloom.train import run as runs
from spikeloom.train.config import Config
from spikeloom.train.run import Run

SENSOR = Sensor(34, 34, 2)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return small_config(write_nmnist(tmp_path / "data", train=2, test=1))


@pytest.fixture
def run(tmp_path: Path, config: Config) -> Run:
    saved = Run.create(tmp_path / "run", config)
    saved.save(runs.classifier(config, SENSOR, 10))
    return saved


def test_a_loaded_network_is_the_saved_one(run: Run, config: Config) -> None:
    drawn = runs.classifier(config, SENSOR, 10)
    torch.manual_seed(99)
    loaded = spikeloom.load(run.folder)
    assert loaded.settings == config.network
    for name, value in drawn.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], value), name


def test_weights_are_stored_as_matrices(run: Run) -> None:
    with safe_open(run.folder / "model.safetensors", framework="pt") as file:
        assert list(file.get_slice("0.weight").get_shape()) == [32, 2312]
        assert list(file.get_slice("2.weight").get_shape()) == [10, 16]
        facts = json.loads(file.metadata()["spikeloom"])
    assert facts == {"width": 34, "height": 34, "polarities": 2, "classes": 10}


def test_predict_takes_one_recording_or_a_list(run: Run, config: Config) -> None:
    network = spikeloom.load(run.folder)
    recordings = NMNIST(str(config.data.path), "train")
    one, all_of_them = network.predict(recordings[0][0]), network.predict([events for events, _ in recordings])
    assert isinstance(one, int)
    assert len(all_of_them) == len(recordings)
    assert all_of_them[0] == one
    assert all(type(label) is int and 0 <= label < 10 for label in all_of_them)


def test_saving_leaves_no_half_file_behind(run: Run, config: Config) -> None:
    run.save(runs.classifier(config, SENSOR, 10))
    assert sorted(file.name for file in run.folder.iterdir()) == ["config.toml", "model.safetensors"]


def test_a_folder_that_exists_is_left_alone(run: Run, config: Config) -> None:
    with pytest.raises(InputError, match="run folder: expected one that does not exist yet, got .*; choose another"):
        Run.create(run.folder, config)
    with pytest.raises(InputError, match="run folder"):
        Run.create(run.folder / "config.toml", config)


def test_a_folder_that_cannot_be_made(run: Run, config: Config) -> None:
    with pytest.raises(InputError, match="expected to make this folder, got "):
        Run.create(run.folder / "config.toml" / "below", config)


def test_default_folders_never_collide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    monkeypatch.chdir(tmp_path)
    folders = []
    for _ in range(3):
        folders.append(runs.default_folder("digits"))
        Run.create(folders[-1], config)
    assert len(set(folders)) == 3
    assert all(folder.parent == Path("runs") and folder.name.startswith("digits-") for folder in folders)


def test_a_model_of_another_network(run: Run, tmp_path: Path) -> None:
    other = Run.create(tmp_path / "other", small_config(tmp_path / "data", hidden="24,16"))
    other.save(runs.classifier(other.config, SENSOR, 10))
    (run.folder / "model.safetensors").write_bytes((other.folder / "model.safetensors").read_bytes())
    message = r"0\.weight: expected \(32, 2312\), as config\.toml has it, got \(24, 2312\); take config\.toml and"
    with pytest.raises(InputError, match=message):
        spikeloom.load(run.folder)


def test_a_model_with_more_layers(run: Run, tmp_path: Path) -> None:
    other = Run.create(tmp_path / "other", small_config(tmp_path / "data", hidden="32,16,16"))
    other.save(runs.classifier(other.config, SENSOR, 10))
    (run.folder / "model.safetensors").write_bytes((other.folder / "model.safetensors").read_bytes())
    with pytest.raises(InputError, match="expected .*, as config.toml has it, got .*; take config.toml and"):
        spikeloom.load(run.folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "model.safetensors: expected the weights of a run, got no such file"),
        (b"", "model.safetensors: expected weights that spikeloom train wrote, got"),
        (b"\x00" * 100, "model.safetensors: expected weights that spikeloom train wrote, got"),
    ],
)
def test_a_broken_model_file(run: Run, content: bytes | None, message: str) -> None:
    path = run.folder / "model.safetensors"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        spikeloom.load(run.folder)


def test_a_truncated_model_file(run: Run) -> None:
    path = run.folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="model.safetensors: expected weights that spikeloom train wrote, got"):
        spikeloom.load(run.folder)


def test_weights_from_elsewhere(run: Run) -> None:
    save_file({"weight": torch.zeros(2)}, run.folder / "model.safetensors")
    with pytest.raises(InputError, match="expected weights that spikeloom train wrote"):
        spikeloom.load(run.folder)


def test_weights_that_are_not_finite(run: Run, config: Config) -> None:
    model = runs.classifier(config, SENSOR, 10)
    weights = model.network[1].weight_matrix()
    weights[3, 5] = float("nan")
    model.network[1].load_weight_matrix(weights)
    run.save(model)
    with pytest.raises(InputError, match=r"1\.weight: expected finite numbers, got nan in 1 of 512"):
        spikeloom.load(run.folder)


def test_no_run_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run folder: expected a folder that spikeloom train made, got .*nowhere"):
        spikeloom.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match="config.toml: expected a file of settings, got No such file"):
        spikeloom.load(tmp_path)
