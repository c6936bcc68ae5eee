"""Batches of spikes, prepared in the background while the engine computes."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from spikeloom.checks import require
from spikeloom.data import augment as augmentation
from spikeloom.data.augment import Augmentation, Change, Changes
from spikeloom.data.binning import Binned, Binning, Packed, collate
from spikeloom.data.dataset import Dataset
from spikeloom.spikes import Spikes

# The whole of N-MNIST takes 1.5 GB packed; what does not fit is read again in each epoch.
CACHE_BYTES = 2 << 30

Batch = tuple[Spikes, Tensor]


class Loader:
    """Yields `(spikes, labels)` for one epoch each time it is iterated; labels are int64 `[B]`.

    Batches depend on `seed` and `epoch` alone, not on `prefetch` nor on what was iterated before. Samples are kept in
    memory once they are read, up to `CACHE_BYTES`: binned if there is no augmentation, as packed events if there is.

    `epoch` is the epoch that the next iteration runs; it may be set, and goes up by one when an iteration ends without
    being stopped.

    Args:
        dataset: labelled recordings.
        batch_size: B, at least 1; the last batch of an epoch may be smaller.
        dt_ms: length of a step in milliseconds.
        steps: T, steps of a sample.
        shuffle: whether the order is drawn anew in each epoch.
        seed: of order and augmentation, from 0 on.
        augment: an augmentation, or several that add up; for training only.
        crop: (width, height) of the sensor's centre to keep.
        prefetch: how many batches are prepared ahead in a thread; 0 prepares each when it is asked for.
        drop_last: leave out the last batch of an epoch if it is smaller.

    Raises:
        InputError: a setting out of its range, or labels outside of the data set's classes. While iterating: a
            recording that cannot be used, named by its file or index.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        batch_size: int,
        dt_ms: float,
        steps: int,
        shuffle: bool,
        seed: int,
        augment: Augmentation | Sequence[Augmentation] | None = None,
        crop: tuple[int, int] | None = None,
        prefetch: int = 2,
        drop_last: bool = False,
    ) -> None:
        for name, value, least in (("batch_size", batch_size, 1), ("seed", seed, 0), ("prefetch", prefetch, 0)):
            require(value >= least, name, f"{least} or above", value)
        require(len(dataset) > 0, "dataset", "at least one sample", "none")
        full = not drop_last or len(dataset) >= batch_size
        require(full, "batch_size", f"at most {len(dataset)}, the samples there are", batch_size, "or keep the last")
        _check_labels(dataset)
        self.dataset = dataset
        self.binning = Binning(dataset.sensor, dt_ms, steps, crop)
        self.epoch = 0
        self._batch_size, self._drop_last, self._prefetch = batch_size, drop_last, prefetch
        self._shuffle, self._seed = shuffle, seed
        self._augment = () if augment is None else tuple(augment) if isinstance(augment, Sequence) else (augment,)
        self._labels = np.asarray(dataset.labels, np.int64)
        self._cache: dict[int, Binned | Packed] = {}
        self._cached_bytes = 0

    @property
    def neurons(self) -> int:
        """N: inputs of a network that takes these batches."""
        return self.binning.neurons

    def __len__(self) -> int:
        """Batches in an epoch."""
        whole, rest = divmod(len(self.dataset), self._batch_size)
        return whole + (rest > 0 and not self._drop_last)

    def __iter__(self) -> Iterator[Batch]:
        epoch, samples = self.epoch, len(self.dataset)
        order = np.random.default_rng((self._seed, epoch)).permutation(samples) if self._shuffle else np.arange(samples)
        changes = augmentation.draw(self._augment, samples, seed=self._seed, epoch=epoch) if self._augment else None
        jobs = [order[i * self._batch_size : (i + 1) * self._batch_size] for i in range(len(self))]
        if self._prefetch == 0:
            for job in jobs:
                yield self._prepare(job, changes)
        else:
            yield from self._ahead(jobs, changes)
        self.epoch = epoch + 1

    def _ahead(self, jobs: list[np.ndarray], changes: Changes | None) -> Iterator[Batch]:
        """Prepare batches in a thread, up to `prefetch` ahead; leaving in any way ends the thread."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spikeloom-loader")
        ready: deque[Future[Batch]] = deque()
        try:
            for job in jobs:
                ready.append(thread.submit(self._prepare, job, changes))
                if len(ready) > self._prefetch:
                    yield ready.popleft().result()
            while ready:
                yield ready.popleft().result()
        finally:
            thread.shutdown(wait=True, cancel_futures=True)

    def _prepare(self, indices: np.ndarray, changes: Changes | None) -> Batch:
        samples = [self._sample(int(index), changes[int(index)] if changes else None) for index in indices]
        return collate(samples, neurons=self.neurons), torch.from_numpy(self._labels[indices])

    def _sample(self, index: int, change: Change | None) -> Binned:
        kept = self._cache.get(index)
        if kept is None:
            kept = self._read(index, binned=change is None)
        if isinstance(kept, Binned):
            return kept
        return self.binning.bin(kept, change or Change())

    def _read(self, index: int, *, binned: bool) -> Binned | Packed:
        packed = self.binning.pack(self.dataset[index][0], f"sample {index}")
        sample = self.binning.bin(packed) if binned else packed
        if self._cached_bytes + sample.nbytes <= CACHE_BYTES:
            self._cache[index] = sample
            self._cached_bytes += sample.nbytes
        return sample


def _check_labels(dataset: Dataset) -> None:
    labels = np.asarray(dataset.labels)
    require(len(labels) == len(dataset), "labels", f"{len(dataset)}, one per sample", len(labels))
    wrong = np.flatnonzero((labels < 0) | (labels >= dataset.classes))
    got = f"{labels[wrong[0]]} at sample {wrong[0]}" if len(wrong) else None
    require(len(wrong) == 0, "labels", f"integers from 0 to {dataset.classes - 1}", got)
