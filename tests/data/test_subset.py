"""A part of a data set."""

from typing import Any

import numpy as np
import pytest

from spikeloom import InputError
from spikeloom.data.subset import Subset, base_of


def test_a_subset_keeps_samples_and_their_order(memory: Any) -> None:
    whole = memory(6)
    part = Subset(whole, [5, 0, 0])
    assert (len(part), part.classes, part.sensor) == (3, 3, whole.sensor)
    assert part.labels.tolist() == whole.labels[[5, 0, 0]].tolist()
    assert part[0][0] is whole.recordings[5]
    assert part[2] == (whole.recordings[0], int(whole.labels[0]))


def test_a_subset_of_a_subset(memory: Any) -> None:
    whole = memory(6)
    part = Subset(Subset(whole, [5, 3, 1]), np.array([2, 0], np.uint8))
    assert part.labels.tolist() == whole.labels[[1, 5]].tolist()
    assert part[0][0] is whole.recordings[1]


def test_a_part_says_what_the_whole_does(memory: Any) -> None:
    whole = memory(6)
    assert (Subset(whole, [5]).class_names, Subset(whole, [5]).speakers) == (None, None)
    whole.class_names, whole.speakers = ("a", "b", "c"), np.array(list("uvwxyz"))
    part = Subset(Subset(whole, [5, 3, 1]), [2, 0])
    assert part.class_names == ("a", "b", "c")
    assert part.speakers.tolist() == ["v", "z"]


def test_the_base_lies_under_all_subsets(memory: Any) -> None:
    whole = memory(6)
    base, indices = Subset(Subset(whole, [5, 3, 1]), [2, 0, 0]).base()
    assert (base, indices.tolist()) == (whole, [1, 5, 5])
    assert (base_of(whole)[0], base_of(whole)[1].tolist()) == (whole, list(range(6)))


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([0, 6], "^indices: expected 0 to 5, one per sample, got 0 to 6"),
        ([-1, 2], "^indices: expected 0 to 5, one per sample, got -1 to 2"),
        ([], "^indices: expected at least one, in a list, got shape"),
        ([[0]], "^indices: expected at least one, in a list, got shape"),
        ([True, False], "^indices: expected integers, got bool; use np.flatnonzero on a mask"),
    ],
)
def test_wrong_indices_are_named(memory: Any, indices: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Subset(memory(6), indices)
