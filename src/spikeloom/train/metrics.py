"""What is measured of an epoch, and how it stands in metrics.jsonl."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from jaxtyping import Int
from torch import Tensor

from spikeloom.checks import InputError


@dataclass(frozen=True)
class Metrics:
    """One line of metrics.jsonl.

    Args:
        epoch: from 1 on; of a test, the epoch whose weights were tested.
        split: "train", "validation" or "test".
        loss: mean over samples.
        accuracy: from 0 to 1.
        activity: by layer, the fraction of neurons and steps that spiked, from 0 to 1; the first is the input.
        samples_per_s: over the whole epoch, waiting for data and, once, compilation included.
    """

    epoch: int
    split: str
    loss: float
    accuracy: float
    activity: dict[str, float]
    samples_per_s: float

    def to_json(self) -> str:
        """One line, without its end."""
        return json.dumps(asdict(self), allow_nan=False)


def activity_in_words(activity: dict[str, float]) -> str:
    """Activities as percentages, each after its layer."""
    return ", ".join(f"{name} {value:.2%}" for name, value in activity.items())


@dataclass
class Tally:
    """Sums over the batches of an epoch; its clock runs from when it is made."""

    samples: int = 0
    loss: float = 0.0
    correct: int = 0
    activity: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    def add(self, loss: float, classes: Int[Tensor, "B"], labels: Int[Tensor, "B"], activity: dict[str, float]) -> None:
        """Take in a batch: its mean loss, the classes found and wanted, and the activity of its layers."""
        batch = len(labels)
        self.samples += batch
        self.loss += batch * loss
        self.correct += int((classes == labels).sum())
        for name, value in activity.items():
            self.activity[name] = self.activity.get(name, 0.0) + batch * value

    def metrics(self, epoch: int, split: str) -> Metrics:
        """The means over all samples taken in, of which there is at least one."""
        seconds = max(time.perf_counter() - self.started, 1e-9)
        mean = {name: total / self.samples for name, total in self.activity.items()}
        return Metrics(
            epoch, split, self.loss / self.samples, self.correct / self.samples, mean, self.samples / seconds
        )


def append(path: Path, metrics: Metrics) -> None:
    """Add one line to a metrics file; what stands there stays."""
    with path.open("a", encoding="utf-8") as file:
        file.write(metrics.to_json() + "\n")


def read(path: Path) -> list[Metrics]:
    """All lines of a metrics file; none where no epoch was completed and there is no file.

    Raises:
        InputError: a line that is no metrics.
    """
    if not path.exists():
        return []
    try:
        return [Metrics(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (json.JSONDecodeError, TypeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: expected a line of metrics per epoch and split, got {error}") from error
