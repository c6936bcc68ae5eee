"""The metrics of a run for other programs: metrics.csv and TensorBoard, both made from metrics.jsonl."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from spikeloom.checks import InputError
from spikeloom.train import files
from spikeloom.train.metrics import Metrics

CSV, TENSORBOARD = "metrics.csv", "tensorboard"


def to_csv(lines: Sequence[Metrics]) -> str:
    """Metrics as a table: a column for each number, an activity in one named `activity <layer>`; empty is none."""
    rows = [_flat(line) for line in lines]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_csv(folder: Path, lines: Sequence[Metrics]) -> None:
    """Write metrics.csv anew: the lines that a resumed run has left behind are in it no more."""
    files.replace(folder / CSV, to_csv(lines).encode())


class TensorBoard:
    """The metrics of a run as TensorBoard shows them: a curve for each split, over epochs.

    Args:
        folder: the run's; the files come below `tensorboard`. Earlier ones are written anew.
        lines: the metrics so far.

    Raises:
        InputError: tensorboard is not installed.
    """

    def __init__(self, folder: Path, lines: Sequence[Metrics]) -> None:
        require_tensorboard()
        from torch.utils.tensorboard import SummaryWriter

        place = folder / TENSORBOARD
        for old in place.glob("events.out.tfevents.*"):
            old.unlink()
        self._writer: SummaryWriter = SummaryWriter(str(place))
        for line in lines:
            self.add(line)

    def add(self, line: Metrics) -> None:
        """Add the points of a line, and hand them to the system."""
        for name, value in _flat(line).items():
            if name not in ("epoch", "split") and value is not None:
                tag = f"{name.replace(' ', '/', 1)}/{line.split}"
                self._writer.add_scalar(tag, value, line.epoch)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


def require_tensorboard() -> None:
    """Raise where tensorboard is not installed.

    Raises:
        InputError: it is not.
    """
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError as error:
        remedy = "pip install spikeloom[tensorboard], or set tensorboard=false"
        raise InputError(f"tensorboard: expected its package to be installed, got {error}; {remedy}") from error


def _flat(line: Metrics) -> dict[str, object]:
    row: dict[str, object] = asdict(line)
    row.pop("activity")
    return row | {f"activity {layer}": value for layer, value in line.activity.items()}
