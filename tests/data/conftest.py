"""Recordings to test with: real ones where they are at hand, and files written in exactly the official format."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from spikeloom.data.events import Events, Sensor

REAL = Path(__file__).parents[3] / "shared" / "data" / "nmnist_small"

Event = tuple[int, int, int, int]  # x, y, p, time in µs


@pytest.fixture
def nmnist_small() -> Path:
    """A real subset of N-MNIST, which lies beside the checkout and not in it."""
    if not REAL.is_dir():
        pytest.skip(f"the real recordings are not at {REAL}")
    return REAL


@pytest.fixture
def to_bytes() -> Callable[[Sequence[Event]], bytes]:
    """Writes events as N-MNIST does: x, y, then a polarity bit and 23 bits of time, most significant bit first."""

    def write(events: Sequence[Event]) -> bytes:
        return b"".join(bytes([x, y]) + (p << 23 | t_us).to_bytes(3, "big") for x, y, p, t_us in events)

    return write


@pytest.fixture
def nmnist_folder(tmp_path: Path, to_bytes: Callable[[Sequence[Event]], bytes]) -> Path:
    """N-MNIST with two recordings each of 0 and 7 to train, and one of 3 to test; the first event tells them apart."""
    for place, name in enumerate(["Train/7/00002.bin", "Train/7/00001.bin", "Train/0/00004.bin", "Train/0/00003.bin"]):
        _write(tmp_path / name, to_bytes([(place, 1, 1, 10), (33, 33, 0, 20)]))
    _write(tmp_path / "Test/3/00001.bin", to_bytes([(9, 9, 0, 300_000)]))
    return tmp_path


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


class Memory:
    """A data set of random recordings in memory; `reads` counts how often samples were asked for."""

    sensor = Sensor(6, 5, 2)
    classes = 3

    def __init__(self, samples: int, seed: int = 0, most_events: int = 200) -> None:
        rng = np.random.default_rng(seed)
        self.recordings = [_random(rng, self.sensor, int(rng.integers(1, most_events))) for _ in range(samples)]
        self.labels = rng.integers(0, self.classes, samples)
        self.reads = 0

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, index: int) -> tuple[Events, int]:
        self.reads += 1
        return self.recordings[index], int(self.labels[index])


def _random(rng: np.random.Generator, sensor: Sensor, count: int) -> Events:
    return Events(
        np.sort(rng.integers(0, 30_000, count)),
        rng.integers(0, sensor.width, count).astype(np.int16),
        rng.integers(0, sensor.height, count).astype(np.int16),
        rng.integers(0, sensor.polarities, count).astype(np.uint8),
    )


@pytest.fixture
def memory() -> type[Memory]:
    """The class `Memory`."""
    return Memory
