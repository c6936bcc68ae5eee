"""A part of a data set."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from spikeloom.checks import require
from spikeloom.data.dataset import Dataset
from spikeloom.data.events import Events, Sensor


class Subset:
    """The samples `indices` of a data set, in this order; nothing is copied.

    Args:
        dataset: where the samples come from.
        indices: `[S]` integers from 0 to `len(dataset) - 1`; a sample may come more than once.

    Raises:
        InputError: no index, or one out of range.
    """

    def __init__(self, dataset: Dataset, indices: Sequence[int] | np.ndarray) -> None:
        chosen = np.asarray(indices)
        require(chosen.ndim == 1 and len(chosen) > 0, "indices", "at least one, in a list", f"shape {chosen.shape}")
        require(chosen.dtype.kind in "iu", "indices", "integers", chosen.dtype, "use np.flatnonzero on a mask")
        low, high = int(chosen.min()), int(chosen.max())
        inside = low >= 0 and high < len(dataset)
        require(inside, "indices", f"0 to {len(dataset) - 1}, one per sample", f"{low} to {high}")
        self.dataset = dataset
        self.indices: Int64[np.ndarray, "S"] = chosen.astype(np.int64)

    @property
    def sensor(self) -> Sensor:
        """What the recordings were made with."""
        return self.dataset.sensor

    @property
    def classes(self) -> int:
        """How many labels the whole data set has."""
        return self.dataset.classes

    @property
    def labels(self) -> Int64[np.ndarray, "S"]:
        """The label of each sample."""
        labels: np.ndarray = self.dataset.labels[self.indices]
        return labels

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """What the labels stand for, where the data set says so."""
        return getattr(self.dataset, "class_names", None)

    @property
    def speakers(self) -> np.ndarray | None:
        """`[S]` who speaks in each sample, where the data set says so."""
        speakers = getattr(self.dataset, "speakers", None)
        return None if speakers is None else np.asarray(speakers)[self.indices]

    def base(self) -> tuple[Dataset, Int64[np.ndarray, "S"]]:
        """The data set under all subsets, and the indices of the samples in it."""
        return base_of(self)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> tuple[Events, int]:
        return self.dataset[int(self.indices[index])]


def base_of(dataset: Dataset) -> tuple[Dataset, Int64[np.ndarray, "S"]]:
    """The data set of which a data set is a part, itself if it is none, and the indices of the samples in it."""
    indices = np.arange(len(dataset), dtype=np.int64)
    while isinstance(dataset, Subset):
        indices, dataset = dataset.indices[indices], dataset.dataset
    return dataset, indices
