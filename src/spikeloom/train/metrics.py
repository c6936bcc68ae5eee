"""What is measured of an epoch, and how it stands in metrics.jsonl."""

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Int
from torch import Tensor

from spikeloom.checks import InputError

Batch = TypeVar("Batch")


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
        seconds: the epoch's duration, the same included.
        learning_rate: of the epoch's last training step; none where nothing is trained.
        loader_share: the part of `seconds` that the loader took, from 0 to 1: waiting for data, or the processor time
            that they took to prepare over the threads, whichever is more.
    """

    epoch: int
    split: str
    loss: float
    accuracy: float
    activity: dict[str, float]
    samples_per_s: float
    seconds: float = 0.0
    learning_rate: float | None = None
    loader_share: float | None = None

    def to_json(self) -> str:
        """One line, without its end."""
        return json.dumps(asdict(self), allow_nan=False)


def activity_in_words(activity: dict[str, float]) -> str:
    """Activities as percentages, each after its layer."""
    return ", ".join(f"{name} {value:.2%}" for name, value in activity.items())


@dataclass
class Tally:
    """Sums over the batches of an epoch; its clock runs from when it is made.

    Args:
        samples: taken in so far.
        loss: their sum.
        correct: how many were classified as labelled.
        activity: by layer, the sum over samples.
        seconds: what went by before the clock was started.
        waited_s: of all seconds, those spent waiting for data.
        prepared_s: seconds of processor time in which data were prepared, beside the training.
    """

    samples: int = 0
    loss: float = 0.0
    correct: int = 0
    activity: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    waited_s: float = 0.0
    prepared_s: float = 0.0

    def __post_init__(self) -> None:
        self._started = time.perf_counter() - self.seconds

    def add(self, loss: float, classes: Int[Tensor, "B"], labels: Int[Tensor, "B"], activity: dict[str, float]) -> None:
        """Take in a batch: its mean loss, the classes found and wanted, on the CPU, and the activity of its layers."""
        batch = len(labels)
        self.samples += batch
        self.loss += batch * loss
        self.correct += int((classes == labels).sum())
        for name, value in activity.items():
            self.activity[name] = self.activity.get(name, 0.0) + batch * value

    def timed(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The same batches; the time until each is there counts as waiting."""
        rest = iter(batches)
        while True:
            asked = time.perf_counter()
            batch = next(rest, None)
            self.waited_s += time.perf_counter() - asked
            if batch is None:
                self.prepared_s += getattr(batches, "busy_s", 0.0)
                return
            yield batch

    def state(self) -> dict[str, Any]:
        """What `Tally(**state)` goes on from."""
        self.seconds = time.perf_counter() - self._started
        return asdict(self)

    def metrics(self, epoch: int, split: str, learning_rate: float | None = None) -> Metrics:
        """The means over all samples taken in, of which there is at least one."""
        seconds = max(time.perf_counter() - self._started, 1e-9)
        return Metrics(
            epoch,
            split,
            self.loss / self.samples,
            self.correct / self.samples,
            {name: total / self.samples for name, total in self.activity.items()},
            samples_per_s=self.samples / seconds,
            seconds=seconds,
            learning_rate=learning_rate,
            loader_share=min(1.0, max(self.waited_s, self.prepared_s / torch.get_num_threads()) / seconds),
        )


def append(path: Path, metrics: Metrics) -> None:
    """Add one line to a metrics file, on disk when this returns; what stands there stays."""
    with path.open("ab") as file:
        file.write(metrics.to_json().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


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
