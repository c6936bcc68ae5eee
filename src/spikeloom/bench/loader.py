"""`spikeloom bench loader`: batches from a converted data set, beside the engine that is to be fed with them.

The recordings are as many, as long and as dense as those of the Spiking Heidelberg Digits: about 8,000 events of 700
channels in a second, here spread evenly, which leaves more distinct ids in a step than speech does. They are converted,
read and removed again.
"""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from statistics import median

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from spikeloom import optim
from spikeloom.bench import host, problem
from spikeloom.bench.cases import CASES, Case, Workload
from spikeloom.bench.engine import network
from spikeloom.bench.memory import clear_peak, peak_bytes
from spikeloom.checks import require
from spikeloom.data import converted
from spikeloom.data.augment import Augmentation, ChannelShift, EventDrop, TimeJitter, TimeSkew
from spikeloom.data.events import Events, Sensor
from spikeloom.data.loader import Loader
from spikeloom.spikes import Spikes

SAMPLES = 2000
EVENTS = 8000
DT_MS = 10.0
AUGMENT = (ChannelShift(20), TimeJitter(5.0), TimeSkew(0.8, 1.2), EventDrop(0.1))
"""All that sound can be augmented with, as the recipe for SHD does."""

ROUNDS = 5
STEPS = 15
SHARE_STEPS = 30
NETS = {"1466-1466": Workload(CASES["shd"]), "512 recurrent": Workload(CASES["shd"], hidden=(512,), recurrent=True)}
"""The paper's network for throughput, and a small one, which is done with a sample sooner."""


class Synthetic:
    """Random recordings of a case's sensor, laid out in one row; a sample depends on its index alone.

    Args:
        case: whose inputs and steps.
        samples: S.
    """

    def __init__(self, case: Case, samples: int) -> None:
        self.sensor, self.classes = Sensor(case.inputs, 1, 1), case.classes
        self.labels = np.arange(samples) % case.classes
        self.identity = f"bench {case} samples={samples} events={EVENTS}"
        self._duration_us = int(1000 * DT_MS * case.steps)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Events, int]:
        rng = np.random.default_rng(index)
        t_us = np.sort(rng.integers(0, self._duration_us, EVENTS))
        zeros = np.zeros(EVENTS, np.int16)
        x = rng.integers(0, self.sensor.width, EVENTS, np.int16)
        return Events(t_us, x, zeros, zeros.astype(np.uint8)), int(self.labels[index])


@dataclass(frozen=True)
class Fed:
    """A network that was trained from the loader.

    Args:
        samples_per_s: of training steps with a batch that is there already.
        ratio: how many times faster one thread makes augmented batches.
        share: of training from the loader, what the loader takes: the seconds waited for it, or its processor time
            over the threads, whichever is more.
    """

    samples_per_s: float
    ratio: float
    share: float


@dataclass(frozen=True)
class Result:
    """What was measured.

    Args:
        samples: of the data set.
        megabytes: of the data set when converted.
        convert_s: seconds to convert it.
        plain: samples per second that one thread makes batches of, without augmentation.
        augmented: the same with `AUGMENT`.
        growth_mb: by how much the peak of resident memory grew while an epoch was read; None where nothing tells.
        threads: of the engine.
        nets: by network.
    """

    samples: int
    megabytes: float
    convert_s: float
    plain: float
    augmented: float
    growth_mb: float | None
    threads: int
    nets: dict[str, Fed]


def run(case: str, samples: int, threads: int | None, as_json: bool) -> int:
    """Measure the loader and print what was measured.

    Args:
        case: a name in `CASES`, whose inputs and steps the recordings have.
        samples: of the data set; it takes 48 kB a sample on disk meanwhile.
        threads: of the engine; None for all processors.
        as_json: print one line of JSON, alone on standard output, instead of a table.

    Returns:
        The exit status, 0.

    Raises:
        InputError: an argument out of its range, or a cache folder that cannot be written.
    """
    require(case in CASES, "case", "one of " + ", ".join(CASES), repr(case))
    threads = host.cores() if threads is None else threads
    require(threads >= 1, "threads", "at least 1", threads)
    least = 2 * max(net.batch for net in NETS.values())
    require(samples >= least, "samples", f"at least {least}, two batches", samples)
    nets = {name: replace(net, case=CASES[case]) for name, net in NETS.items()}
    result = host.call_flushed(threads, measure, Synthetic(CASES[case], samples), threads, nets)
    print(json.dumps(asdict(result) | {"processor": host.processor()}) if as_json else _in_words(result))
    return 0


def measure(dataset: Synthetic, threads: int, nets: dict[str, Workload]) -> Result:
    """Measure the loader on a data set, beside networks of these shapes, and remove what was converted."""
    folder = converted.folder_of(dataset, 0.0)
    try:
        return _measure(dataset, threads, nets)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(dataset: Synthetic, threads: int, nets: dict[str, Workload]) -> Result:
    workload = next(iter(nets.values()))
    steps, batch = workload.case.steps, workload.batch
    loaders = [_loader(dataset, steps, batch, augment, prefetch=0) for augment in ((), AUGMENT)]
    start = time.perf_counter()
    store = loaders[0].open()
    convert_s = time.perf_counter() - start
    plain, augmented = (_samples_per_s(loader) for loader in loaders)
    fed = {}
    for name, net in nets.items():
        loader = _loader(dataset, steps, net.batch, AUGMENT, prefetch=2)
        trainer = Trainer(net, loader)
        rate = trainer.samples_per_s()
        fed[name] = Fed(rate, augmented / rate, trainer.share(loader, threads))
    megabytes = store.bytes_per_event * len(store.ids) / 1e6
    growth = _growth_mb(_loader(dataset, steps, batch, AUGMENT, prefetch=2))
    return Result(len(dataset), megabytes, convert_s, plain, augmented, growth, threads, fed)


def _loader(dataset: Synthetic, steps: int, batch: int, augment: Sequence[Augmentation], *, prefetch: int) -> Loader:
    return Loader(
        dataset, batch_size=batch, dt_ms=DT_MS, steps=steps, shuffle=True, seed=0, augment=augment, prefetch=prefetch
    )


def _samples_per_s(loader: Loader) -> float:
    """The median of some epochs, after one that compiles and fills the caches."""
    seconds = []
    for _ in range(ROUNDS + 1):
        start = time.perf_counter()
        for _ in loader:
            pass
        seconds.append(time.perf_counter() - start)
    return len(loader.dataset) / median(seconds[1:])


def _growth_mb(loader: Loader) -> float | None:
    for _ in range(2):
        clear_peak()
        before = peak_bytes()
        for _ in loader:
            pass
        after = peak_bytes()
    return None if before is None or after is None else (after - before) / 1e6


class Trainer:
    """The engine on a network of the workload's shape, whose layers spike as often as it asks when fed from a loader.

    Args:
        workload: shapes and activities of the hidden layers; the input's is the loader's.
        loader: what the network is fed with.
    """

    def __init__(self, workload: Workload, loader: Loader) -> None:
        self.batches = list(islice(loader, 2))
        made = problem.make(replace(workload, activity=self.batches[0][0].activity))
        self._net = network(made, sparse=True)
        self._optimizer = optim.Adam(self._net.parameters(), lr=0.0)

    def step(self, spikes: Spikes, labels: Tensor) -> None:
        """Forward, backward and Adam."""
        self._optimizer.zero_grad()
        F.cross_entropy(self._net(spikes)[0].sum(0), labels).backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()

    def samples_per_s(self) -> float:
        """The median of some steps on a batch that is there already."""
        (spikes, labels), seconds = self.batches[0], []
        for _ in range(STEPS + 2):
            start = time.perf_counter()
            self.step(spikes, labels)
            seconds.append(time.perf_counter() - start)
        return spikes.batch / median(seconds[2:])

    def share(self, loader: Loader, threads: int) -> float:
        """What part of the time of training from a loader that loader takes; see `Fed`."""
        self.step(*self.batches[1])
        start = time.perf_counter()
        batches = iter(loader)
        for spikes, labels in islice(batches, SHARE_STEPS):
            self.step(spikes, labels)
        waited, busy, took = loader.waited_s, loader.busy_s, time.perf_counter() - start
        return max(waited, busy / threads) / took


def _in_words(result: Result) -> str:
    growth = "unknown" if result.growth_mb is None else f"{result.growth_mb:.0f} MB"
    lines = [
        f"{result.samples} recordings of {EVENTS} events: {result.megabytes:.0f} MB, "
        f"converted in {result.convert_s:.1f} s",
        f"batches by one thread:       {result.plain:8.0f} samples/s",
        f"  with augmentation:         {result.augmented:8.0f} samples/s",
        f"peak memory grows by {growth} while they are read",
        f"engine, {result.threads} threads:",
    ]
    lines += [
        f"  {name + ':':<26} {net.samples_per_s:8.0f} samples/s; the loader is {net.ratio:.1f} times as fast, "
        f"and takes {net.share:.1%} of training"
        for name, net in result.nets.items()
    ]
    return "\n".join(lines)
