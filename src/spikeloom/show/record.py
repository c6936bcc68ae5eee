"""What a run folder says of itself: settings and metrics, whole or not."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikeloom.checks import require
from spikeloom.train import run as runs
from spikeloom.train import settings
from spikeloom.train.config import Config

MEASURED = ("samples_per_s", "seconds", "learning_rate", "loader_share")


@dataclass(frozen=True)
class Line:
    """A line of metrics.jsonl; what a run did not write down is None or empty.

    Args:
        epoch: from 1 on.
        split: "train", "validation" or "test".
        loss: mean over samples.
        accuracy: from 0 to 1.
        activity: by layer, from 0 to 1.
        samples_per_s: over the epoch.
        seconds: that the epoch took.
        learning_rate: at the end of the epoch.
        loader_share: of the epoch's time that the loader took, as `train.metrics.Metrics` has it.
    """

    epoch: int
    split: str
    loss: float
    accuracy: float
    activity: dict[str, float]
    samples_per_s: float | None = None
    seconds: float | None = None
    learning_rate: float | None = None
    loader_share: float | None = None


@dataclass(frozen=True)
class Record:
    """A run as its folder tells it.

    Args:
        folder: the run's.
        config: its settings.
        lines: its metrics, one per epoch and split, in order.
        unreadable: how many lines of the metrics could not be read.
    """

    folder: Path
    config: Config
    lines: list[Line]
    unreadable: int

    def of(self, split: str) -> list[Line]:
        """The metrics of a split, epoch by epoch."""
        return [line for line in self.lines if line.split == split]

    @property
    def test(self) -> Line | None:
        """The metrics of the chosen epoch on the test samples; None where the run has not come to it."""
        tested = self.of("test")
        return tested[-1] if tested else None

    @property
    def epochs(self) -> int:
        """How many epochs were completed."""
        return max((line.epoch for line in self.of("train")), default=0)

    @property
    def chosen(self) -> int | None:
        """The epoch whose weights the run keeps: the best on validation, the last where nothing is held out."""
        if self.test is not None:
            return self.test.epoch
        held_out = self.of("validation")
        if held_out:
            return max(held_out, key=lambda line: (line.accuracy, -line.loss)).epoch
        return self.epochs or None

    @property
    def seconds(self) -> float | None:
        """What all epochs took, evaluation included; None where the run did not write it down."""
        known = [line.seconds for line in self.lines if line.seconds is not None]
        return sum(known) if known else None


def read(folder: Path) -> Record:
    """Read the settings and the metrics of a run.

    Raises:
        InputError: no such folder, or no settings that can be read.
    """
    require(folder.is_dir(), "run folder", "a folder that spikeloom train made", f"{folder}, which is no folder")
    config = settings.from_toml(folder / runs.CONFIG)
    path = folder / runs.METRICS
    texts = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    lines = [_line(text) for text in texts if text.strip()]
    # A run that goes on after a stop may write an epoch again; the last word counts.
    by_place = {(line.epoch, line.split): line for line in lines if line is not None}
    return Record(folder, config, sorted(by_place.values(), key=lambda line: line.epoch), lines.count(None))


def _line(text: str) -> Line | None:
    """A line of metrics, or None for one that a crash left half written."""
    try:
        values = json.loads(text)
        activity = {str(name): float(value) for name, value in values.get("activity", {}).items()}
        shares = float(values["loss"]), float(values["accuracy"])
        rest = (_positive(values.get(name)) for name in MEASURED)
        line = Line(values["epoch"], values["split"], *shares, activity, *rest)
        return line if _is_sound(line) else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _positive(value: Any) -> float | None:
    """A number; None for one that was not measured."""
    return float(value) if isinstance(value, int | float) and 0 < value < math.inf else None


def _is_sound(line: Line) -> bool:
    named = isinstance(line.epoch, int) and isinstance(line.split, str)
    return named and math.isfinite(line.loss) and 0 <= line.accuracy <= 1
