"""Splitting a data set at random."""

from collections.abc import Sequence

import numpy as np

from spikeloom.checks import require
from spikeloom.data.dataset import Dataset
from spikeloom.data.subset import Subset


def random_split(dataset: Dataset, sizes: Sequence[int], seed: int, *, stratified: bool = False) -> tuple[Subset, ...]:
    """Deal the samples of a data set out to parts that do not overlap.

    Args:
        dataset: what to split.
        sizes: how many samples each part gets; together at most `len(dataset)`, and what is left over is in no part.
        seed: from 0 on; the same seed gives the same parts.
        stratified: give each part its share of every class, up to a sample or two, instead of leaving that to chance.

    Returns:
        One `Subset` per size.

    Raises:
        InputError: a size below 1, or more samples asked for than there are.
    """
    return tuple(Subset(dataset, part) for part in deal(dataset.labels, sizes, seed, stratified=stratified))


def deal(labels: np.ndarray, sizes: Sequence[int], seed: int, *, stratified: bool) -> list[np.ndarray]:
    """The indices of each part; arguments and errors as in `random_split`."""
    require(len(sizes) > 0 and min(sizes) >= 1, "sizes", "a positive number of samples per part", tuple(sizes))
    require(sum(sizes) <= len(labels), "sizes", f"at most {len(labels)} samples in all", sum(sizes))
    require(seed >= 0, "seed", "0 or above", seed)
    order = np.random.default_rng(seed).permutation(len(labels))
    if stratified:
        order = _interleave(order, labels)
    ends = np.cumsum(sizes)
    return [order[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _interleave(order: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Reorder so that any stretch holds each class in proportion: a class's k-th of n samples sits at (k + 1/2) / n."""
    place = np.empty(len(order))
    for label in np.unique(labels):
        mine = np.flatnonzero(labels[order] == label)
        place[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
    return order[np.argsort(place, kind="stable")]
