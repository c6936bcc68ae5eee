"""Smooth random manifolds: classes that differ in when neurons spike and in nothing else; made from a seed.

Zenke and Vogels, "The Remarkable Robustness of Surrogate Gradient Learning for Instilling Complex Function in Spiking
Neural Networks", Neural Computation 33:899-925, 2021.
"""

from dataclasses import asdict, dataclass
from functools import cache

import numpy as np
from jaxtyping import Float64, Int64

from spikeloom.checks import require
from spikeloom.data.events import Events, Sensor

SPLITS = ("train", "test", "all")
LEAST_AMPLITUDE = 1e-3  # modes that fall below this part of the first are left out, as in the authors' program
MOST_MODES = 1000  # the same


@dataclass(frozen=True)
class Manifolds:
    """What the manifolds are.

    A manifold is a map f from points x of the unit cube in D dimensions into the space of N neurons (the paper's
    methods):

        f_i(x) = product over dimensions j of sum over modes k of A_ijk k^-alpha sin(2 pi (k x_j B_ijk + C_ijk))

    with A, B and C drawn from 0 to 1, once per class. Each coordinate is then stretched to run from 0 to 1 over the
    samples of its class, and is the time at which its neuron spikes, as a fraction of `duration_ms`.

    Args:
        classes: C, one manifold each, at least 1.
        neurons: N, at least 1; every neuron spikes once in every sample, so that counts tell nothing.
        dimension: D of the manifolds, at least 1; the more, the harder.
        alpha: how fast the modes fall, above 0; the smaller, the rougher and harder.
        train_per_class: samples of each class to train on.
        test_per_class: samples of each class to test on.
        duration_ms: length of a sample in milliseconds.
        seed: of manifolds and samples, from 0 on.

    Raises:
        InputError: a value out of its range.
    """

    classes: int = 10
    neurons: int = 20
    dimension: int = 1
    alpha: float = 1.5
    train_per_class: int = 200
    test_per_class: int = 50
    duration_ms: float = 100.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("classes", "neurons", "dimension", "train_per_class", "test_per_class"):
            require(getattr(self, name) >= 1, name, "1 or above", getattr(self, name))
        require(0 < self.alpha < np.inf, "alpha", "a number above 0", self.alpha)
        require(0.001 <= self.duration_ms < 1e9, "duration_ms", "milliseconds from 0.001 to 1e9", self.duration_ms)
        require(self.seed >= 0, "seed", "0 or above", self.seed)


class Randman:
    """Points on random manifolds as spike times; the samples of one class follow each other.

    Args:
        split: "train", "test" or "all".
        settings: the manifolds; the default is `Manifolds()`, 2,000 samples to train and 500 to test.

    Raises:
        InputError: an unknown split.
    """

    def __init__(self, split: str = "train", settings: Manifolds | None = None) -> None:
        require(split in SPLITS, "split", f"one of {', '.join(SPLITS)}", repr(split))
        settings = settings or Manifolds()
        self.settings = settings
        self.sensor = Sensor(settings.neurons, 1, 1)
        self.classes = settings.classes
        self.class_names = tuple(f"manifold {number}" for number in range(settings.classes))
        cut = settings.train_per_class
        part = {"train": slice(cut), "test": slice(cut, None), "all": slice(None)}[split]
        times = _times(settings)[:, part]
        self.labels: Int64[np.ndarray, "S"] = np.repeat(np.arange(settings.classes), times.shape[1])
        self._t_us: Int64[np.ndarray, "S N"] = times.reshape(-1, settings.neurons)
        values = " ".join(f"{name}={value!r}" for name, value in asdict(settings).items())
        self.identity = f"randman 1 split={split!r} {values}"

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Events, int]:
        times = self._t_us[index]
        order = np.argsort(times, kind="stable")
        zeros = np.zeros(len(order), np.int16)
        events = Events(times[order], order.astype(np.int16), zeros, zeros.astype(np.uint8))
        return events, int(self.labels[index])


@cache
def _times(settings: Manifolds) -> Int64[np.ndarray, "C P N"]:
    """The spike times of all samples of all classes in µs, those to train on first."""
    rng = np.random.default_rng(settings.seed)
    samples = settings.train_per_class + settings.test_per_class
    place = np.stack([_places(settings, samples, rng) for _ in range(settings.classes)])
    last = max(1, round(1000 * settings.duration_ms)) - 1
    times: np.ndarray = np.rint(place * last).astype(np.int64)
    return times


def _places(settings: Manifolds, samples: int, rng: np.random.Generator) -> Float64[np.ndarray, "P N"]:
    """Random points on one random manifold, each coordinate from 0 to 1."""
    modes = min(MOST_MODES, int(np.ceil(LEAST_AMPLITUDE ** (-1 / settings.alpha))))
    amplitude, frequency, phase = rng.random((3, settings.dimension, modes, settings.neurons))
    points = rng.random((samples, settings.dimension, 1))
    place = np.ones((samples, settings.neurons))
    for j in range(settings.dimension):
        wave = np.zeros_like(place)
        for k in range(1, modes + 1):
            angle = k * points[:, j] * frequency[j, k - 1] + phase[j, k - 1]  # [P N]
            wave += amplitude[j, k - 1] * k**-settings.alpha * np.sin(2 * np.pi * angle)
        place *= wave
    low, high = place.min(axis=0), place.max(axis=0)
    stretched: np.ndarray = (place - low) / np.where(high > low, high - low, 1.0)
    return stretched
