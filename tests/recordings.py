"""A small data set in N-MNIST's format that a network learns in a second: each class has its own part of the sensor."""

from pathlib import Path

import numpy as np

from spikeloom.train import settings
from spikeloom.train.config import Config

SMALL = {
    "dataset": "nmnist",
    "dt_ms": "2",
    "steps": "20",
    "batch_size": "8",
    "validation": "0.25",
    "hidden": "32,16",
    "loss": "per_step",
    "learning_rate": "0.02",
    "epochs": "2",
    "threads": "1",
}


def write_nmnist(folder: Path, *, train: int = 8, test: int = 4, classes: int = 3, seed: int = 0) -> Path:
    """Write so many recordings of each class, 120 events in 40 ms, into Train and Test; returns the folder."""
    rng = np.random.default_rng(seed)
    for split, count in (("Train", train), ("Test", test)):
        for label in range(classes):
            (folder / split / str(label)).mkdir(parents=True)
            for index in range(count):
                (folder / split / str(label) / f"{index:05}.bin").write_bytes(_recording(label, rng))
    return folder


def small_config(folder: Path, **changes: str) -> Config:
    """Settings of a run over that folder that takes a second or two."""
    return settings.override(Config(recipe="small"), SMALL | {"path": str(folder)} | changes)


def small_arguments(folder: Path, **changes: str) -> list[str]:
    """The same run for the command line."""
    return [
        part for key, value in (SMALL | {"path": str(folder)} | changes).items() for part in ("--set", f"{key}={value}")
    ]


def _recording(label: int, rng: np.random.Generator) -> bytes:
    time = np.sort(rng.integers(0, 40_000, 120))
    x, y = rng.integers(0, 8, (2, 120)) + 10 * label
    polarity = rng.integers(0, 2, 120)
    column = np.stack([x, y, polarity << 7 | time >> 16, time >> 8 & 255, time & 255], 1)
    return column.astype(np.uint8).tobytes()
