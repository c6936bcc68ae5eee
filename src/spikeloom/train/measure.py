"""How large a recipe is and how long it takes, known without its data."""

import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Int64

from spikeloom.data import catalogue, places
from spikeloom.data.events import Events, Sensor
from spikeloom.data.loader import Loader
from spikeloom.nn import init
from spikeloom.train import run as runs
from spikeloom.train.config import Config
from spikeloom.train.datasets import augmentations, loaders
from spikeloom.train.loop import trainer_for

MEASURED_ON = "2 cores of an Intel Xeon with AVX-512 and AMX"
SAMPLES_PER_S: dict[str, float] = {
    "digits": 3149.0,
    "nmnist": 3760.0,
    "shd": 1635.0,
    "dvsgesture": 1554.0,
    "fsdd": 1442.0,
    "randman": 6659.0,
}
"""By recipe, samples trained on in a second, as `spikeloom recipes --measure --threads 2` printed them there."""

FIRST_STEP = 40
"""Where a measurement takes up the schedules: by then an annealed window is as narrow as it gets."""

WARM_STEPS, LEAST_S = 3, 4.0


@dataclass(frozen=True)
class Shape:
    """What a recipe's data are like.

    Args:
        sensor: as the reader gives it.
        classes: C.
        samples: to train on in the official split, validation included.
        activity: the fraction of neurons and steps of the recipe that hold an event.
    """

    sensor: Sensor
    classes: int
    samples: int
    activity: float


# The activities of digits, nmnist (its first 1,000 samples), fsdd and randman are what `spikeloom data info` prints for
# the recipes' steps; shd and dvsgesture have the caps of Finkbeiner et al. (48 of 700 and 96 of 4,608 ids a step).
SHAPES = {
    "digits": Shape(Sensor(34, 34, 2), 10, 1437, 0.0143),
    "nmnist": Shape(Sensor(34, 34, 2), 10, 60_000, 0.0253),
    "shd": Shape(Sensor(700, 1, 1), 20, 8156, 48 / 700),
    "dvsgesture": Shape(Sensor(48, 48, 2), 11, 1176, 96 / 4608),
    "fsdd": Shape(Sensor(1008, 1, 1), 10, 2250, 0.1266),
    "randman": Shape(Sensor(20, 1, 1), 10, 2000, 0.0200),
}


def weights(config: Config) -> int:
    """How many weights the network of a recipe has."""
    shape, network = SHAPES[config.data.dataset], config.network
    inputs = shape.sensor.size if config.data.crop is None else config.data.crop**2 * shape.sensor.polarities
    sizes = (inputs, *network.hidden, shape.classes)
    own = sum(neurons**2 for neurons in network.hidden) if network.recurrent is True else 0
    biases = sum(sizes[1:]) if network.bias else 0
    return sum(a * b for a, b in pairwise(sizes)) + own + biases


def training_samples(config: Config) -> int:
    """How many samples an epoch of a recipe trains on, those for validation left out, made-up voices included."""
    samples = config.data.train_samples or SHAPES[config.data.dataset].samples
    return (samples - round(config.data.validation * samples)) * (1 + config.data.voices)


def seconds(config: Config) -> float | None:
    """How long a recipe trains on the cores of the table, without validation and test; None: it is not measured."""
    measured = SAMPLES_PER_S.get(config.recipe)
    return config.training.epochs * training_samples(config) / measured if measured else None


def has_data(config: Config) -> bool:
    """Whether the recordings of a recipe are here."""
    entry = catalogue.named(config.data.dataset)
    return not entry.holds or entry.find(places.recordings(entry.name)) is not None


@dataclass(frozen=True)
class Measured:
    """How a recipe trains.

    Args:
        samples_per_s: by the median step, with all that it does and the wait for its batch.
        loader_share: what the loader takes of the time: waiting for it, or its processor time over the threads,
            whichever is more, from 0 to 1.
    """

    samples_per_s: float
    loader_share: float


def measure(config: Config) -> Measured:
    """Train a recipe for a few seconds.

    Where its recordings are not here, random events of the same shape and number stand in for them; the time that a
    training step takes depends on little else.
    """
    loader = loaders(config).train if has_data(config) else _stand_in(config)
    model = runs.classifier(config, loader.dataset.sensor, loader.dataset.classes).train()
    if config.training.initial_activity is not None:
        init.scale_to_activity_(model.network, next(iter(loader))[0], config.training.initial_activity)
    trainer = trainer_for(model, config.training, len(loader))
    trainer.done = FIRST_STEP
    taken: list[float] = []  # seconds a sample
    total = waited = prepared = 0.0
    while sum(taken[WARM_STEPS:]) * config.data.batch_size < LEAST_S:
        warm, start = len(taken) >= WARM_STEPS, time.perf_counter()
        last = start
        for spikes, labels in loader:
            trainer.step(spikes, labels, f"step {len(taken) + 1}")
            now = time.perf_counter()
            taken.append((now - last) / len(labels))
            last = now
        if warm:
            total, waited, prepared = total + last - start, waited + loader.waited_s, prepared + loader.busy_s
    share = max(waited, prepared / torch.get_num_threads()) / max(total, 1e-9)
    return Measured(1 / float(np.median(taken[WARM_STEPS:])), share)


def _stand_in(config: Config) -> Loader:
    data, shape = config.data, SHAPES[config.data.dataset]
    return Loader(
        Noise(shape, data.dt_ms * data.steps, data.steps, samples=16 * data.batch_size),
        batch_size=data.batch_size,
        dt_ms=data.dt_ms,
        steps=data.steps,
        shuffle=True,
        seed=config.training.seed,
        augment=augmentations(data) or None,
        crop=None if data.crop is None else (data.crop, data.crop),
    )


class Noise:
    """Random events of a data set's shape and number, with random labels."""

    def __init__(self, shape: Shape, duration_ms: float, steps: int, samples: int) -> None:
        self.sensor, self.classes = shape.sensor, shape.classes
        self._rng_seed, self._last_us = 0, int(1000 * duration_ms)
        # Of n events, each in any of m cells, 1 - exp(-n / m) of the cells are hit.
        self._events = max(1, round(-np.log1p(-shape.activity) * steps * shape.sensor.size))
        self.labels: Int64[np.ndarray, "S"] = np.random.default_rng(0).integers(0, shape.classes, samples)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Events, int]:
        rng, size = np.random.default_rng((1, index)), (self._events,)
        events = Events(
            np.sort(rng.integers(0, self._last_us, size)),
            rng.integers(0, self.sensor.width, size).astype(np.int16),
            rng.integers(0, self.sensor.height, size).astype(np.int16),
            rng.integers(0, self.sensor.polarities, size).astype(np.uint8),
        )
        return events, int(self.labels[index])
