"""Batches of spikes, prepared in the background while the engine computes."""

import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import KW_ONLY, dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor

from spikeloom.checks import require
from spikeloom.data import augment as augmentation
from spikeloom.data.augment import Augmentation, Changes
from spikeloom.data.binning import Binning
from spikeloom.data.dataset import Dataset
from spikeloom.data.store import Progress, Store, open_store
from spikeloom.spikes import Spikes

RELEASE_BYTES = 512 << 20
"""Of a mapped data set, after so many read their pages are given back: memory stays within this, however large it is.

Reading a page anew takes time; SHD, at 390 MB, stays.
"""

Batch = tuple[Spikes, Tensor]
Batches = Generator[Batch, None, None]


@dataclass(eq=False)
class Loader:
    """Yields `(spikes, labels)` for one epoch each time it is iterated; labels are int64 `[B]`.

    Batches depend on `seed` and `epoch` alone, not on `prefetch` nor on what was iterated before. Recordings are
    converted when the first batch is asked for, or by `open`; see `store.open_store`.

    Args:
        dataset: labelled recordings.
        batch_size: B, at least 1; the last batch of an epoch may be smaller.
        dt_ms: length of a step in milliseconds.
        steps: T, steps of a sample.
        shuffle: whether the order is drawn anew in each epoch.
        seed: of order and augmentation, from 0 on.
        augment: an augmentation, or several that add up; for training only.
        crop: (width, height) of the sensor's centre to keep.
        denoise_ms: leave out events that had no neighbour within this time; 0: keep all.
        prefetch: how many batches are prepared ahead in a thread; 0 prepares each when it is asked for.
        drop_last: leave out the last batch of an epoch if it is smaller.
        pin: whether batches come in page-locked memory, from where a GPU copies while it computes; that takes a torch
            for CUDA, and a GPU.

    Attributes:
        epoch: the epoch that the next iteration runs; may be set, and goes up by one when an iteration ends without
            being stopped.
        skip: how many batches the next iteration leaves out at its beginning, to resume an epoch; then 0 again.
        waited_s: seconds that the caller waited for batches since the last iteration began.
        busy_s: seconds of processor time that batches took to prepare since then.

    Raises:
        InputError: a setting out of its range, or labels outside of the data set's classes. While iterating: a
            recording that cannot be used, named by its file or index.
    """

    dataset: Dataset
    _: KW_ONLY
    batch_size: int
    dt_ms: float
    steps: int
    shuffle: bool
    seed: int
    augment: Augmentation | Sequence[Augmentation] | None = None
    crop: tuple[int, int] | None = None
    denoise_ms: float = 0.0
    prefetch: int = 2
    drop_last: bool = False
    pin: bool = False
    epoch: int = field(default=0, init=False)
    skip: int = field(default=0, init=False)
    waited_s: float = field(default=0.0, init=False)
    busy_s: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        samples = len(self.dataset)
        for name, least in (("batch_size", 1), ("seed", 0), ("prefetch", 0), ("denoise_ms", 0)):
            require(getattr(self, name) >= least, name, f"{least} or above", getattr(self, name))
        require(samples > 0, "dataset", "at least one sample", "none")
        full = not self.drop_last or samples >= self.batch_size
        require(full, "batch_size", f"at most {samples}, the samples there are", self.batch_size, "or keep the last")
        _check_labels(self.dataset)
        self.binning = Binning(self.dataset.sensor, self.dt_ms, self.steps, self.crop)
        self._labels = np.asarray(self.dataset.labels, np.int64)
        self._store: Store | None = None
        self._unreleased = 0

    @property
    def neurons(self) -> int:
        """N: inputs of a network that takes these batches."""
        return self.binning.neurons

    def __len__(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def open(self, progress: Progress | None = None) -> Store:
        """Convert the recordings now, if that is not done.

        Args:
            progress: told how far the conversion is.

        Raises:
            InputError: a recording that cannot be used, or a cache folder that cannot be written.
        """
        if self._store is None:
            self._store = open_store(self.dataset, self.denoise_ms, progress)
        return self._store

    def __iter__(self) -> Iterator[Batch]:
        epoch, samples, store = self.epoch, len(self.dataset), self.open()
        order = np.random.default_rng((self.seed, epoch)).permutation(samples) if self.shuffle else np.arange(samples)
        changes = self._changes(epoch)
        jobs = [order[i * self.batch_size : (i + 1) * self.batch_size] for i in range(self.skip, len(self))]
        self.skip, self.waited_s, self.busy_s = 0, 0.0, 0.0
        batches = self._ahead(store, jobs, changes) if self.prefetch else self._in_turn(store, jobs, changes)
        yield from self._timed(batches)
        self.epoch = epoch + 1

    def _changes(self, epoch: int) -> Changes | None:
        wanted = () if self.augment is None else self.augment
        several = wanted if isinstance(wanted, Sequence) else (wanted,)
        if not several:
            return None
        changes = augmentation.draw(several, len(self.dataset), seed=self.seed, epoch=epoch)
        lost = self.dataset.sensor.height == 1 and bool(changes.dy.any() or changes.matrix[:, 1, 0].any())
        remedy = "use ChannelShift, and Affine without degrees"
        require(not lost, "augment", "shifts along the one row of the sensor", "shifts off it", remedy)
        return changes

    def _timed(self, batches: Batches) -> Batches:
        """The same batches, while the caller's waiting is counted."""
        with closing(batches):
            while True:
                start = time.perf_counter()
                batch = next(batches, None)
                self.waited_s += time.perf_counter() - start
                if batch is None:
                    return
                yield batch

    def _in_turn(self, store: Store, jobs: list[np.ndarray], changes: Changes | None) -> Batches:
        for job in jobs:
            yield self._prepare(store, job, changes)

    def _ahead(self, store: Store, jobs: list[np.ndarray], changes: Changes | None) -> Batches:
        """Prepare batches in a thread, up to `prefetch` ahead; leaving in any way ends the thread."""
        # A thread begins on the first GPU: to pin memory there would start that one's part of CUDA beside another's.
        begin = partial(torch.cuda.set_device, torch.cuda.current_device()) if self.pin else None
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spikeloom-loader", initializer=begin)
        ready: deque[Future[Batch]] = deque()
        try:
            for job in jobs:
                ready.append(thread.submit(self._prepare, store, job, changes))
                if len(ready) > self.prefetch:
                    yield ready.popleft().result()
            while ready:
                yield ready.popleft().result()
        finally:
            thread.shutdown(wait=True, cancel_futures=True)

    def _prepare(self, store: Store, samples: np.ndarray, changes: Changes | None) -> Batch:
        start = time.thread_time()
        spikes = self.binning.bin(store, samples, None if changes is None else changes.take(samples))
        self._unreleased += store.events(samples) * store.bytes_per_event
        if self._unreleased > RELEASE_BYTES:
            store.release()
            self._unreleased = 0
        batch = spikes, torch.from_numpy(self._labels[samples])
        if self.pin:
            batch = batch[0].pin_memory(), batch[1].pin_memory()
        self.busy_s += time.thread_time() - start
        return batch


def _check_labels(dataset: Dataset) -> None:
    labels = np.asarray(dataset.labels)
    require(len(labels) == len(dataset), "labels", f"{len(dataset)}, one per sample", len(labels))
    wrong = np.flatnonzero((labels < 0) | (labels >= dataset.classes))
    got = f"{labels[wrong[0]]} at sample {wrong[0]}" if len(wrong) else None
    require(len(wrong) == 0, "labels", f"integers from 0 to {dataset.classes - 1}", got)
