"""From the settings of a run to its batches."""

from collections.abc import Sequence
from dataclasses import dataclass

from spikeloom.checks import InputError, require
from spikeloom.data.augment import Augmentation, EventDrop, Jitter, TimeSkew
from spikeloom.data.dataset import Dataset
from spikeloom.data.digits import Digits
from spikeloom.data.loader import Loader
from spikeloom.data.nmnist import NMNIST, pooled
from spikeloom.data.split import random_split
from spikeloom.train.config import Config, DataSettings


@dataclass(frozen=True)
class Loaders:
    """The batches of a run; `validation` is None where nothing is held out."""

    train: Loader
    validation: Loader | None
    test: Loader


def loaders(config: Config) -> Loaders:
    """The batches that the settings ask for; only those to train on are shuffled and augmented.

    Raises:
        InputError: data that are not there or cannot be used, or more samples asked for than there are.
    """
    data, seed = config.data, config.training.seed
    train, test = _train_and_test(data, seed)
    validation: Dataset | None = None
    if data.validation > 0:
        held_out = max(1, round(data.validation * len(train)))
        require(held_out < len(train), "validation", "at least one sample left to train on", f"{len(train)} in all")
        train, validation = random_split(train, (len(train) - held_out, held_out), seed, stratified=True)
    return Loaders(
        _loader(train, data, seed, augment=_augmentations(data)),
        None if validation is None else _loader(validation, data, seed),
        _loader(test, data, seed),
    )


def _train_and_test(data: DataSettings, seed: int) -> tuple[Dataset, Dataset]:
    if not data.pool:
        train_part = _part(_open(data, "train"), data.train_samples, seed)
        return train_part, _part(_open(data, "test"), data.test_samples, seed)
    require(data.dataset == "nmnist", "pool", "a data set of recordings (nmnist)", data.dataset)
    everything = pooled(_folder(data))
    test = data.test_samples or max(1, len(everything) // 5)
    train = data.train_samples or len(everything) - test
    parts = random_split(everything, (train, test), seed)
    return parts[0], parts[1]


def _open(data: DataSettings, split: str) -> Dataset:
    return Digits(split) if data.dataset == "digits" else NMNIST(_folder(data), split)


def _folder(data: DataSettings) -> str:
    if data.path is None:
        raise InputError(
            f"--data: expected the folder of {data.dataset}, the one that holds Train and Test, got none; "
            "get N-MNIST from https://www.garrickorchard.com/datasets/n-mnist and unpack both archives into one folder"
        )
    return data.path


def _part(dataset: Dataset, samples: int | None, seed: int) -> Dataset:
    return dataset if samples is None else random_split(dataset, (samples,), seed, stratified=True)[0]


def _augmentations(data: DataSettings) -> list[Augmentation]:
    wanted: list[Augmentation] = []
    if data.jitter_pixels > 0:
        wanted.append(Jitter(data.jitter_pixels))
    if data.time_skew > 0:
        wanted.append(TimeSkew(1 - data.time_skew, 1 + data.time_skew))
    if data.event_drop > 0:
        wanted.append(EventDrop(data.event_drop))
    return wanted


def _loader(dataset: Dataset, data: DataSettings, seed: int, augment: Sequence[Augmentation] | None = None) -> Loader:
    return Loader(
        dataset,
        batch_size=data.batch_size,
        dt_ms=data.dt_ms,
        steps=data.steps,
        shuffle=augment is not None,
        seed=seed,
        augment=augment or None,
        crop=None if data.crop is None else (data.crop, data.crop),
    )
