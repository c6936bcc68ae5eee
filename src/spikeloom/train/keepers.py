"""What `fit` keeps metrics, weights and checkpoints in: memory, or a folder."""

from pathlib import Path
from typing import Any, ClassVar

import safetensors.torch
from torch import Tensor

from spikeloom.checks import require
from spikeloom.train.classifier import Classifier
from spikeloom.train.folder import MODEL, RunFolder, create
from spikeloom.train.lock import Lock
from spikeloom.train.metrics import Metrics


class Memory:
    """Keeps metrics and the best weights, and writes nothing."""

    go_on = ""

    def __init__(self) -> None:
        self._metrics: list[Metrics] = []
        self._weights: dict[str, Tensor] | None = None

    def record(self, metrics: Metrics) -> None:
        """Keep a line of metrics."""
        self._metrics.append(metrics)

    def metrics(self) -> list[Metrics]:
        """The lines recorded so far."""
        return list(self._metrics)

    def save(self, model: Classifier) -> None:
        """Keep a copy of the weights, on the CPU."""
        weights = model.network.state_dict()
        self._weights = {name: value.detach().to("cpu", copy=True) for name, value in weights.items()}

    def weights(self) -> dict[str, Tensor] | None:
        """The weights that were saved last; None if none were."""
        return self._weights

    def write_checkpoint(self, step: int, tensors: dict[str, Tensor], state: dict[str, Any], keep: int) -> None:
        """Nothing: what is in memory ends with it."""


class FitFolder(RunFolder):
    """A run folder whose network and data are described by the program that calls `fit`, and not in it."""

    SETTINGS: ClassVar[str] = "fit.json"

    @classmethod
    def create(cls, folder: Path, text: str) -> "FitFolder":
        """Make a folder, which must not exist.

        Raises:
            InputError: the folder exists, or cannot be made.
        """
        return cls(folder, create(folder, cls.SETTINGS, text))

    @classmethod
    def open(cls, folder: Path) -> "FitFolder":
        """Open a folder, to go on in it.

        Raises:
            InputError: it is none of `fit`, or another process writes to it.
        """
        found = (folder / cls.SETTINGS).is_file()
        require(found, "run", "a folder that fit made", f"{folder}, without {cls.SETTINGS}", "choose another")
        return cls(folder, Lock(folder / cls.SETTINGS, folder))

    @property
    def go_on(self) -> str:
        """How to go on with this run."""
        return f'fit(…, run="{self.folder}", resume=True)'

    def save(self, model: Classifier) -> None:
        """Write the weights; a file that stands there is replaced as a whole or not at all."""
        self.save_weights(model.network, {})

    def weights(self) -> dict[str, Tensor] | None:
        """The weights that were saved last; None if none were."""
        path = self.folder / MODEL
        return safetensors.torch.load(path.read_bytes()) if path.exists() else None
