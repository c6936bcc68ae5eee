"""Splits: random, by speaker, and into the parts of a cross-validation."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeloom import InputError
from spikeloom.data.nmnist import pooled
from spikeloom.data.split import by_fold, by_speaker, deal, random_split
from spikeloom.data.subset import Subset


@pytest.mark.parametrize("stratified", [False, True])
def test_parts_do_not_overlap_and_follow_the_seed(memory: Any, stratified: bool) -> None:
    whole = memory(50)
    first, again, other = (random_split(whole, (30, 15), seed, stratified=stratified) for seed in (1, 1, 2))
    assert [len(part) for part in first] == [30, 15]
    assert len(set(first[0].indices.tolist()) | set(first[1].indices.tolist())) == 45
    assert all((a.indices == b.indices).all() for a, b in zip(first, again, strict=True))
    assert (first[0].indices != other[0].indices).any()


@given(st.lists(st.integers(0, 4), min_size=4, max_size=120), st.integers(0, 5), st.data())
def test_stratified_parts_hold_their_share_of_each_class(labels: list[int], seed: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, len(labels) - 1))
    parts = deal(np.array(labels), (first, len(labels) - first), seed, stratified=True)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    for label in set(labels):
        share = labels.count(label) * first / len(labels)
        assert abs(sum(labels[i] == label for i in parts[0]) - share) <= 2


def test_pooled_real_recordings_split_800_to_300(nmnist_small: Path) -> None:
    train, test = random_split(pooled(nmnist_small), (800, 300), 0)
    assert (len(train), len(test)) == (800, 300)
    assert set(train.indices.tolist()).isdisjoint(test.indices.tolist())


@pytest.mark.parametrize(
    ("sizes", "seed", "message"),
    [
        ((6, 5), 0, "^sizes: expected at most 10 samples in all, got 11"),
        ((6, 0), 0, r"^sizes: expected a positive number of samples per part, got \(6, 0\)"),
        ((), 0, "^sizes: expected a positive number"),
        ((6, 4), -1, "^seed: expected 0 or above, got -1"),
    ],
)
def test_impossible_splits_are_named(memory: Any, sizes: tuple[int, ...], seed: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        random_split(memory(10), sizes, seed)


def spoken(memory: Any) -> Any:
    dataset = memory(6)
    dataset.speakers = np.array(["10", "2", "10", "1", "2", "1"])
    return dataset


def test_all_that_a_speaker_says_is_held_out(memory: Any) -> None:
    rest, held_out = by_speaker(spoken(memory), ["2"])
    assert (rest.indices.tolist(), held_out.indices.tolist()) == ([0, 2, 3, 5], [1, 4])
    assert held_out.speakers is not None
    assert held_out.speakers.tolist() == ["2", "2"]
    rest, held_out = by_speaker(Subset(spoken(memory), [5, 4, 3, 2]), ["1", "2"])
    assert (rest.base()[1].tolist(), held_out.base()[1].tolist()) == ([2], [5, 4, 3])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["theo"], "^hold-out speaker: expected one of 1, 2, 10, got 'theo'"),
        ([], "^hold-out speaker: expected one of 1, 2, 10, got none"),
        (["1", "2", "10"], "^hold-out speaker: expected somebody left to train on, got all of 1, 2, 10"),
    ],
)
def test_speakers_that_cannot_be_held_out_are_named(memory: Any, names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        by_speaker(spoken(memory), names)


def test_a_set_without_speakers_is_no_spoken_one(memory: Any) -> None:
    for dataset in (memory(3), Subset(memory(3), [0, 1])):
        with pytest.raises(InputError, match="^hold-out speaker: expected a data set of spoken words, got one that"):
            by_speaker(dataset, ["1"])


@pytest.mark.parametrize(("samples", "folds"), [(50, 5), (11, 3), (4, 4)])
def test_every_sample_is_held_out_once(memory: Any, samples: int, folds: int) -> None:
    whole = memory(samples)
    cut = [by_fold(whole, folds, fold) for fold in range(folds)]
    held_out = [index for _, part in cut for index in part.indices.tolist()]
    assert sorted(held_out) == list(range(samples))
    assert {len(part) for _, part in cut} <= {samples // folds, -(-samples // folds)}
    for rest, part in cut:
        assert sorted(rest.indices.tolist() + part.indices.tolist()) == list(range(samples))


def test_folds_of_real_recordings_hold_their_share_of_each_class(nmnist_small: Path) -> None:
    whole = pooled(nmnist_small)
    shares = np.bincount(whole.labels) / 5
    for fold in range(5):
        rest, held_out = by_fold(whole, 5, fold)
        assert (len(rest), len(held_out)) == (880, 220)
        assert np.abs(np.bincount(held_out.labels) - shares).max() <= 2
        assert (by_fold(whole, 5, fold)[1].indices == held_out.indices).all()


@pytest.mark.parametrize(
    ("folds", "fold", "message"),
    [
        (11, 0, "^folds: expected 2 to 10, the samples there are, got 11"),
        (1, 0, "^folds: expected 2 to 10, the samples there are, got 1"),
        (5, 5, "^fold: expected one of the 5 parts, 0 to 4, got 5"),
        (5, -1, "^fold: expected one of the 5 parts, 0 to 4, got -1"),
    ],
)
def test_folds_that_cannot_be_cut_are_named(memory: Any, folds: int, fold: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        by_fold(memory(10), folds, fold)
