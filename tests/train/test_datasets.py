"""Which samples a run trains on, chooses by and is tested on."""

from pathlib import Path

import numpy as np
import pytest
from recordings import small_config, write_nmnist

from spikeloom import InputError
from spikeloom.train import settings
from spikeloom.train.config import Config
from spikeloom.train.datasets import Loaders, loaders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_nmnist(tmp_path / "data")


def sizes(batches: Loaders) -> tuple[int, int | None, int]:
    held_out = None if batches.validation is None else len(batches.validation.dataset)
    return len(batches.train.dataset), held_out, len(batches.test.dataset)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (18, 6, 12)),
        ({"validation": "0"}, (24, None, 12)),
        ({"validation": "0.001"}, (23, 1, 12)),
        ({"train_samples": "12", "test_samples": "6"}, (9, 3, 6)),
        ({"pool": "true"}, (22, 7, 7)),
        ({"pool": "true", "train_samples": "20", "test_samples": "10", "validation": "0"}, (20, None, 10)),
    ],
)
def test_sizes(folder: Path, changes: dict[str, str], expected: tuple[int, int | None, int]) -> None:
    assert sizes(loaders(small_config(folder, **changes))) == expected


def events_of(loader: object) -> set[bytes]:
    dataset = loader.dataset  # type: ignore[attr-defined]
    return {dataset[i][0].t_us.tobytes() for i in range(len(dataset))}


def test_no_sample_is_in_two_splits_and_the_seed_decides(folder: Path) -> None:
    first, again, other = (loaders(small_config(folder, pool="true", seed=seed)) for seed in ("1", "1", "2"))
    parts = [events_of(part) for part in (first.train, first.validation, first.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 36
    assert events_of(first.test) == events_of(again.test)
    assert events_of(first.test) != events_of(other.test)


def test_only_training_samples_are_shuffled_and_augmented(folder: Path) -> None:
    plain = loaders(small_config(folder))
    augmented = loaders(small_config(folder, jitter_pixels="3", time_skew="0.1", event_drop="0.2"))
    for split, changes in (("train", True), ("validation", False), ("test", False)):
        one, other = ([s.ids.numpy() for s, _ in getattr(batches, split)] for batches in (plain, augmented))
        assert all(map(np.array_equal, one, other)) is not changes
    first, second = ([labels.tolist() for _, labels in plain.train] for _ in range(2))
    assert first != second


def test_the_crop_is_a_square(folder: Path) -> None:
    assert loaders(small_config(folder, crop="30")).train.neurons == 30 * 30 * 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "none"}, "--data: expected the folder of nmnist, the one that holds Train and Test, got none; get"),
        ({"path": "nowhere"}, r"nowhere.Train: expected a folder .*, got no such folder"),
        ({"train_samples": "25"}, "at most 24"),
        ({"pool": "true", "train_samples": "30"}, "at most 36"),
        ({"train_samples": "1"}, "validation: expected at least one sample left to train on, got 1 in all"),
        ({"dataset": "digits", "pool": "true"}, "pool: expected a data set of recordings"),
        ({"crop": "35"}, "crop"),
    ],
)
def test_what_cannot_be_done(folder: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        loaders(small_config(folder, **changes))


def test_digits_need_no_folder() -> None:
    batches = loaders(settings.override(Config(), {"train_samples": "40", "test_samples": "20"}))
    assert sizes(batches) == (36, 4, 20)
