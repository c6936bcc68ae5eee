"""The folder of a run: settings, metrics, weights and picture, and the way back from it to the network."""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from spikeloom import gpu, plots
from spikeloom.checks import InputError, require
from spikeloom.data.binning import Binning
from spikeloom.data.events import Sensor
from spikeloom.spikes import Spikes
from spikeloom.train import finite, settings
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import Config
from spikeloom.train.folder import METRICS, MODEL, RunFolder, create, require_new
from spikeloom.train.lock import Lock

__all__ = ["CONFIG", "METRICS", "MODEL", "RASTER", "Run", "classifier", "default_folder", "load", "require_new"]

CONFIG, RASTER = "config.toml", "raster.png"
OTHER_RUN = "take config.toml and model.safetensors of one run"


class Run(RunFolder):
    """The folder of a run that settings describe, while this process writes to it.

    Args:
        folder: it exists.
        config: what its config.toml says.
        lock: on the folder.
    """

    def __init__(self, folder: Path, config: Config, lock: Lock) -> None:
        super().__init__(folder, lock)
        self.config = config

    @classmethod
    def create(cls, folder: Path, config: Config) -> "Run":
        """Make a folder, which must not exist; the folders above it are made.

        Raises:
            InputError: the folder exists, or cannot be made.
        """
        return cls(folder, config, create(folder, CONFIG, settings.to_toml(config)))

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """Open the folder of a run, to go on with it.

        Raises:
            InputError: no such folder, settings that cannot be used, or another process that writes to it.
        """
        config = settings.from_toml(existing(folder) / CONFIG)
        return cls(folder, config, Lock(folder / CONFIG, folder))

    def save(self, model: Classifier) -> None:
        """Write the weights; a file that stands there is replaced as a whole or not at all."""
        facts = asdict(model.binning.sensor) | {"classes": model.classes}
        self.save_weights(model.network, {"spikeloom": json.dumps(facts)})

    def draw(self, model: Classifier, spikes: Spikes, label: int) -> None:
        """Draw the raster of a batch's first sample."""
        layers = {name: x.to("cpu") for name, x in model.spikes_of_layers(spikes.to(model.device)).items()}
        title = f"{self.config.recipe}: a sample of class {label}"
        plots.raster(layers, self.folder / RASTER, dt_ms=self.config.data.dt_ms, title=title)

    def weights(self) -> dict[str, Tensor] | None:
        """The weights that were saved last; None if none were."""
        path = self.folder / MODEL
        return _read(path)[0] if path.exists() else None


def default_folder(recipe: str) -> Path:
    """A folder below `runs` that does not exist, named by recipe and time."""
    stem = f"{recipe}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder, count = Path("runs") / stem, 1
    while folder.exists():
        count += 1
        folder = Path("runs") / f"{stem}-{count}"
    return folder


def classifier(config: Config, sensor: Sensor, classes: int) -> Classifier:
    """The network that the settings describe, its weights drawn from their seed.

    Raises:
        InputError: settings that do not fit each other.
    """
    data = config.data
    crop = None if data.crop is None else (data.crop, data.crop)
    torch.manual_seed(config.training.seed)
    return Classifier(config.network, Binning(sensor, data.dt_ms, data.steps, crop), classes)


def load(folder: str | os.PathLike[str], device: str = "cpu") -> Classifier:
    """The trained network of a run.

    Args:
        folder: the run's.
        device: where to: "cpu", "cuda" or "cuda:N", wherever it was trained.

    Returns:
        A network with `predict(events)`; its layers are in `.network`.

    Raises:
        InputError: no such folder, a file of it missing or broken, weights of another network, or a GPU that cannot be
            used.

    Example:
        net = spikeloom.load("runs/digits-20250101-120000")
        net.predict(events)
    """
    path, place = existing(Path(folder)), gpu.usable(device, gpu.ARGUMENT)
    config = settings.from_toml(path / CONFIG)
    weights, facts = _read(path / MODEL)
    sensor = Sensor(facts["width"], facts["height"], facts["polarities"])
    # First there, then its weights: a layer that moves to another kind of device forgets the route that is with them.
    model = classifier(config, sensor, facts["classes"]).to(place)
    _require_same_shapes(path / MODEL, model.network.state_dict(), weights)
    # A second threshold of minus infinity is in order: only what was trained is looked at.
    trained = [(f"{path / MODEL}: {name}", weights[name]) for name, _ in model.network.named_parameters()]
    finite.check(trained, "loading", OTHER_RUN)
    model.network.load_state_dict(weights)
    return model.eval()


def existing(folder: Path) -> Path:
    """The folder of a run.

    Raises:
        InputError: no such folder.
    """
    require(folder.is_dir(), "run folder", "a folder that spikeloom train made", f"{folder}, which is no folder")
    return folder


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, int]]:
    """The weights in a model file, and the facts that stand beside them."""
    require(path.is_file(), str(path), "the weights of a run", "no such file", "train first: spikeloom train RECIPE")
    try:
        with safe_open(path, framework="pt") as file:
            facts, names = json.loads((file.metadata() or {})["spikeloom"]), file.keys()
            return {name: file.get_tensor(name) for name in names}, facts
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: expected weights that spikeloom train wrote, got {error}; {OTHER_RUN}") from error


def _require_same_shapes(path: Path, expected: dict[str, Tensor], got: dict[str, Tensor]) -> None:
    for name in sorted(expected.keys() | got.keys()):
        shapes = [tuple(side[name].shape) if name in side else "no such tensor" for side in (expected, got)]
        require(shapes[0] == shapes[1], f"{path}: {name}", f"{shapes[0]}, as config.toml has it", shapes[1], OTHER_RUN)
