"""Runs that are stopped, and whether two runs are the same to the bit."""

import io
import signal
from dataclasses import replace
from pathlib import Path

from safetensors.torch import load_file

from spikeloom.train import session
from spikeloom.train.config import Config
from spikeloom.train.metrics import Metrics, read
from spikeloom.train.report import Report


def quiet() -> Report:
    return Report(io.StringIO())


def timeless(folder: Path) -> list[Metrics]:
    lines = read(folder / "metrics.jsonl")
    return [replace(line, samples_per_s=0.0, seconds=0.0, loader_share=None) for line in lines]


def last_checkpoint(folder: Path) -> Path:
    return max((folder / "checkpoints").iterdir())


def assert_same(one: Path, other: Path) -> None:
    """Two finished runs have the same weights, metrics and last checkpoint, to the bit."""
    model = "model.safetensors"
    assert (one / model).read_bytes() == (other / model).read_bytes()
    assert timeless(one) == timeless(other)
    ends = [last_checkpoint(folder) for folder in (one, other)]
    assert ends[0].name == ends[1].name
    tensors = [load_file(end / "state.safetensors") for end in ends]
    assert tensors[0].keys() == tensors[1].keys()
    for name, value in tensors[0].items():
        assert value.numpy().tobytes() == tensors[1][name].numpy().tobytes(), name


def lines_of(report: Report) -> list[str]:
    assert isinstance(report.stream, io.StringIO)
    return report.stream.getvalue().splitlines()


class Stopping(Report):
    """A report during which the user presses Ctrl-C once so many epochs are done."""

    def __init__(self, epochs: int) -> None:
        super().__init__(io.StringIO())
        self.epochs = epochs

    def line(self, text: str) -> None:
        super().line(text)
        if text.startswith(f"epoch {self.epochs} of"):
            signal.raise_signal(signal.SIGINT)


def stopped_after(config: Config, folder: Path, epochs: int) -> None:
    before, report = signal.getsignal(signal.SIGINT), Stopping(epochs)
    assert session.train(config, folder, report).test is None
    assert lines_of(report)[-1] == f"stopped; go on with: spikeloom train --run {folder} --resume"
    assert signal.getsignal(signal.SIGINT) is before
