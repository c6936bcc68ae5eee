"""Splitting a data set: at random, by who speaks, or into the parts of a cross-validation."""

from collections.abc import Sequence

import numpy as np

from spikeloom.checks import require
from spikeloom.data.dataset import Dataset
from spikeloom.data.subset import Subset

FOLDS_SEED = 0
"""Of the parts of every cross-validation: runs of any seed are tested on the same samples."""


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


def by_speaker(dataset: Dataset, speakers: Sequence[str]) -> tuple[Subset, Subset]:
    """Hold out all that certain people say, to test whether a network knows words or voices.

    Args:
        dataset: a spoken one: it has `speakers`, `[S]` names.
        speakers: whom to hold out.

    Returns:
        The rest, and what is held out; both in the order of the data set.

    Raises:
        InputError: a data set without speakers, a name that is not among them, or nobody left on one side.
    """
    present = getattr(dataset, "speakers", None)
    require(present is not None, "hold-out speaker", "a data set of spoken words", "one that names no speakers")
    names = np.asarray(present).astype(str)
    known = sorted(set(names.tolist()), key=lambda name: (len(name), name) if name.isdigit() else (0, name))
    require(len(speakers) > 0, "hold-out speaker", f"one of {', '.join(known)}", "none")
    for name in speakers:
        require(str(name) in known, "hold-out speaker", f"one of {', '.join(known)}", repr(str(name)))
    held_out = np.isin(names, [str(name) for name in speakers])
    require(not held_out.all(), "hold-out speaker", "somebody left to train on", f"all of {', '.join(known)}")
    return Subset(dataset, np.flatnonzero(~held_out)), Subset(dataset, np.flatnonzero(held_out))


def by_fold(dataset: Dataset, folds: int, fold: int) -> tuple[Subset, Subset]:
    """Cut a data set into parts for cross-validation, each with its share of every class, and hold one of them out.

    The parts depend on the labels alone. Over all `fold`s, every sample is held out once.

    Args:
        dataset: what to cut.
        folds: how many parts, at least 2; their sizes differ by one sample at most.
        fold: which part to hold out, from 0 to `folds - 1`.

    Returns:
        The rest, and the part held out; both in the order of the data set.

    Raises:
        InputError: fewer samples than parts, or no such part.
    """
    count = len(dataset)
    require(2 <= folds <= count, "folds", f"2 to {count}, the samples there are", folds)
    require(0 <= fold < folds, "fold", f"one of the {folds} parts, 0 to {folds - 1}", fold)
    sizes = [len(part) for part in np.array_split(np.arange(count), folds)]
    tested = np.zeros(count, np.bool_)
    tested[deal(dataset.labels, sizes, FOLDS_SEED, stratified=True)[fold]] = True
    return Subset(dataset, np.flatnonzero(~tested)), Subset(dataset, np.flatnonzero(tested))


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
