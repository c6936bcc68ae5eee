"""Which samples a run trains on, chooses by and is tested on."""

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data.formats import write_heidelberg
from recordings import small_config, write_nmnist

from spikeloom import InputError
from spikeloom.data import places
from spikeloom.data.augment import Affine, ChannelShift, EventDrop, Flip, Jitter, TimeJitter, TimeSkew
from spikeloom.data.dataset import Dataset
from spikeloom.train import settings
from spikeloom.train.config import Config, DataSettings
from spikeloom.train.datasets import Loaders, Parts, augmentations, loaders, parts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_nmnist(tmp_path / "data")


@pytest.fixture(autouse=True)
def _no_data_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIKELOOM_DATA", str(tmp_path / "downloads"))
    monkeypatch.setattr(places, "converted", lambda: tmp_path / "converted")


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
        ({"folds": "4"}, (20, 7, 9)),
        ({"folds": "4", "fold": "3", "train_samples": "20"}, (15, 5, 9)),
    ],
)
def test_sizes(folder: Path, changes: dict[str, str], expected: tuple[int, int | None, int]) -> None:
    assert sizes(loaders(small_config(folder, **changes))) == expected


@pytest.mark.parametrize("given", [("train",), ("train", "validation"), ("test",)])
def test_a_folder_of_ones_own_that_lacks_a_part_is_an_error(tmp_path: Path, given: tuple[str, ...]) -> None:
    (tmp_path / "sensor.json").write_text('{"width": 2, "height": 2}')
    for name in given:
        for label in ("a", "b"):
            (tmp_path / name / label).mkdir(parents=True)
            for number in range(6):
                (tmp_path / name / label / f"{number}.csv").write_text("t,x\n1,0\n")
    data = DataSettings(dataset="folder", path=str(tmp_path))
    message = rf"^{tmp_path}: expected train and test in it, .*, got {', '.join(given)}; .* pool=true"
    with pytest.raises(InputError, match=message):
        parts(data, 0)
    pooled = parts(replace(data, pool=True), 0)
    assert len(pooled.test) == 12 * len(given) // 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_samples": "99"}, r"^train_samples: expected at most 24, the samples there are, got 99"),
        ({"test_samples": "99"}, r"^test_samples: expected at most 12, the samples there are, got 99"),
        ({"pool": "true", "test_samples": "36"}, r"^test_samples: expected at most 35, .* left to train on, got 36"),
        (
            {"pool": "true", "train_samples": "30", "test_samples": "10"},
            r"^train_samples: expected at most 26, what 10 of 36 to test on leave, got 30",
        ),
        ({"folds": "4", "train_samples": "28"}, r"^train_samples: expected at most 27, the samples there are, got 28"),
        ({"folds": "37"}, r"^folds: expected 2 to 36, the samples there are, got 37"),
    ],
)
def test_too_many_samples_are_an_error_that_names_the_setting(
    folder: Path, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        loaders(small_config(folder, **changes))


def events_of(loader: object) -> set[bytes]:
    dataset = loader.dataset  # type: ignore[attr-defined]
    return {dataset[i][0].t_us.tobytes() for i in range(len(dataset))}


def test_no_sample_is_in_two_splits_and_the_seed_decides(folder: Path) -> None:
    first, again, other = (loaders(small_config(folder, pool="true", seed=seed)) for seed in ("1", "1", "2"))
    parts = [events_of(part) for part in (first.train, first.validation, first.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 36
    assert events_of(first.test) == events_of(again.test)
    assert events_of(first.test) != events_of(other.test)


def test_folds_are_tested_on_once_whatever_the_seed(folder: Path) -> None:
    runs = [loaders(small_config(folder, folds="4", fold=str(fold), seed=str(fold))) for fold in range(4)]
    tested = [events_of(run.test) for run in runs]
    assert sum(map(len, tested)) == len(set.union(*tested)) == 36
    for run, mine in zip(runs, tested, strict=True):
        assert [len(events_of(run.train)), len(events_of(run.validation))] == [20, 7]
        assert len(set.union(mine, events_of(run.train), events_of(run.validation))) == 36
    again, other = (loaders(small_config(folder, folds="4", fold="1", seed=seed)) for seed in ("1", "9"))
    assert events_of(again.test) == events_of(other.test) == tested[1]
    assert events_of(again.validation) == events_of(runs[1].validation) != events_of(other.validation)


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
        (
            {"path": "none"},
            "--data: expected Train and Test .* of nmnist, got none in .*; run `spikeloom data get nm",
        ),
        ({"path": "nowhere"}, r"nowhere.Train: expected a folder .*, got no such folder"),
        ({"train_samples": "25"}, "at most 24"),
        ({"pool": "true", "train_samples": "30"}, "train_samples: expected at most 29"),
        ({"train_samples": "1"}, "validation: expected at least one sample left to train on, got 1 in all"),
        ({"dataset": "digits"}, "--data: expected none, since digits is made and not read, got "),
        ({"hold_out_speaker": "theo"}, "hold-out speaker: expected a data set of spoken words, got one that"),
        (
            {"validation_speaker": "theo"},
            "hold-out speaker: expected a data set of spoken words, got one that",
        ),
        ({"crop": "35"}, "crop"),
    ],
)
def test_what_cannot_be_done(folder: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        loaders(small_config(folder, **changes))


def test_digits_need_no_folder() -> None:
    batches = loaders(settings.override(Config(), {"train_samples": "40", "test_samples": "20"}))
    assert sizes(batches) == (36, 4, 20)


def write_wavs(folder: Path, *, repetitions: int = 10) -> Path:
    """Three speakers that say two digits, as FSDD has them; repetitions 0 to 4 are its test split."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for digit in range(2):
        for speaker in ("ann", "bob", "cy"):
            for repetition in range(repetitions):
                with wave.open(str(folder / f"{digit}_{speaker}_{repetition}.wav"), "wb") as file:
                    file.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
                    file.writeframes(rng.integers(-9999, 9999, 800).astype("<i2").tobytes())
    return folder


def spoken(folder: Path, seed: int = 0, **changes: str) -> Parts:
    config = settings.override(Config(), {"dataset": "fsdd", "path": str(folder)} | changes)
    return parts(config.data, seed)


def who(dataset: Dataset | None) -> list[str]:
    return sorted(set(dataset.speakers))  # type: ignore[union-attr]


def test_a_speaker_is_held_out(tmp_path: Path) -> None:
    folder = write_wavs(tmp_path / "wavs")
    found = spoken(folder, hold_out_speaker="bob", validation="0.25")
    assert who(found.test) == ["bob"]
    assert who(found.train) == who(found.validation) == ["ann", "cy"]
    assert [len(part) for part in (found.train, found.validation, found.test) if part] == [30, 10, 20]
    assert np.bincount(found.validation.labels).tolist() == [5, 5]  # type: ignore[union-attr]


def test_a_speaker_to_choose_by_and_another_to_test_on(tmp_path: Path) -> None:
    folder = write_wavs(tmp_path / "wavs")
    found = spoken(folder, hold_out_speaker="bob", validation_speaker="cy", validation="0")
    assert [who(part) for part in (found.train, found.validation, found.test)] == [["ann"], ["cy"], ["bob"]]
    official = spoken(folder, validation_speaker="cy")
    assert [len(part) for part in (official.train, official.validation, official.test) if part] == [20, 10, 30]


def test_speakers_that_cannot_be_held_out(tmp_path: Path) -> None:
    folder = write_wavs(tmp_path / "wavs")
    with pytest.raises(InputError, match="hold-out speaker: expected one of ann, bob, cy, got 'dan'"):
        spoken(folder, hold_out_speaker="dan")
    with pytest.raises(InputError, match="hold-out speaker: expected one of ann, cy, got 'bob'"):
        spoken(folder, hold_out_speaker="bob", validation_speaker="bob")
    with pytest.raises(InputError, match="pool: expected false beside hold_out_speaker"):
        spoken(folder, hold_out_speaker="bob", pool="true")


def test_every_augmentation_of_the_settings_is_made() -> None:
    plain = DataSettings()
    assert augmentations(plain) == []
    wanted = replace(
        plain,
        jitter_pixels=2,
        rotation_degrees=10.0,
        shear=0.2,
        channel_shift=3,
        flip=0.5,
        time_jitter_ms=4.0,
        time_skew=0.2,
        event_drop=0.1,
    )
    expected = [
        Jitter(2),
        Affine(10, 0, 0.2),
        ChannelShift(3),
        Flip(0.5),
        TimeJitter(4.0),
        TimeSkew(0.8, 1.2),
        EventDrop(0.1),
    ]
    assert augmentations(wanted) == expected


def test_any_set_can_be_pooled() -> None:
    config = settings.override(
        Config(), {"dataset": "randman", "pool": "true", "test_samples": "100", "validation": "0"}
    )
    found = parts(config.data, 0)
    assert (len(found.train), len(found.test)) == (2400, 100)


def test_ssc_has_samples_for_validation_of_its_own(tmp_path: Path) -> None:
    for name, count in (("train", 8), ("valid", 3), ("test", 5)):
        keys = [b"word%d" % number for number in range(35)]
        write_heidelberg(tmp_path / f"ssc_{name}.h5", [([0.1], [1])] * count, [0] * count, keys=keys)

    def sizes_of(validation: str) -> list[int | None]:
        changes = {"dataset": "ssc", "path": str(tmp_path), "validation": validation}
        found = parts(settings.override(Config(), changes).data, 0)
        return [part and len(part) for part in (found.train, found.validation, found.test)]

    assert sizes_of("0.5") == [8, 3, 5]
    assert sizes_of("0") == [8, None, 5]


def write_npz(folder: Path, part: str, count: int) -> None:
    for label in ("left", "right"):
        (folder / part / label).mkdir(parents=True)
        for index in range(count):
            np.savez(folder / part / label / f"{index}.npz", t=np.array([index]), x=np.array([0]))


def own(folder: Path, **changes: str) -> list[int]:
    found = parts(settings.override(Config(), {"dataset": "folder", "path": str(folder)} | changes).data, 0)
    return [len(part) for part in (found.train, found.validation, found.test) if part]


def test_a_folder_of_ones_own_is_split_as_it_lies_or_at_random(tmp_path: Path) -> None:
    sensor = '{"width": 4, "height": 1, "polarities": 1}'
    for name, split in (("split", {"train": 8, "test": 3}), ("plain", {"": 10})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "sensor.json").write_text(sensor)
        for part, count in split.items():
            write_npz(tmp_path / name, part, count)
    assert own(tmp_path / "split", validation="0.25") == [12, 4, 6]
    assert own(tmp_path / "plain", validation="0.25") == [12, 4, 4]
    assert own(tmp_path / "split", validation="0.25", pool="true") == [14, 4, 4]
    write_npz(tmp_path / "split", "validation", 1)
    assert own(tmp_path / "split", validation="0.25") == [16, 2, 6]
