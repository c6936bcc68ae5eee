"""From the settings of a run to its batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from spikeloom.checks import require
from spikeloom.data import catalogue
from spikeloom.data.augment import Affine, Augmentation, ChannelShift, EventDrop, Flip, Jitter, TimeJitter, TimeSkew
from spikeloom.data.dataset import Dataset
from spikeloom.data.loader import Loader
from spikeloom.data.split import by_fold, by_speaker, random_split
from spikeloom.data.subset import Subset
from spikeloom.data.voices import in_voices
from spikeloom.train.config import Config, DataSettings, TrainingSettings


@dataclass(frozen=True)
class Loaders:
    """The batches of a run; `validation` is None where nothing is held out."""

    train: Loader
    validation: Loader | None
    test: Loader


@dataclass(frozen=True)
class Parts:
    """The samples of a run, none in two parts; `validation` is None where nothing is held out."""

    train: Dataset
    validation: Dataset | None
    test: Dataset


def loaders(config: Config) -> Loaders:
    """The batches that the settings ask for; only those to train on are shuffled and augmented.

    Raises:
        InputError: data that are not there or cannot be used, or more samples asked for than there are.
    """
    data, training = config.data, config.training
    found = parts(data, training.seed)
    return Loaders(
        _loader(in_voices(found.train, data.voices), data, training, augment=augmentations(data)),
        None if found.validation is None else _loader(found.validation, data, training),
        _loader(found.test, data, training),
    )


def parts(data: DataSettings, seed: int) -> Parts:
    """The samples to train on, to choose the best epoch by, and to test on.

    * `hold_out_speaker`: all recordings of this speaker are tested on, all others are trained on.
    * `folds`: all recordings are cut into parts that do not depend on the seed; part `fold` is tested on, the others
      are trained on.
    * `pool`, and a folder of your own that is not split: all recordings are split at random, by the seed.
    * otherwise the official split.

    What is held out for validation comes from the samples to train on, in equal shares of the classes: a fraction of
    them, or those of `validation_speaker`. Where the split has samples for validation of its own, as that of SSC and a
    folder of yours may, they are used wherever `validation` is above 0, whatever the fraction.

    Raises:
        InputError: as `loaders`.
    """
    if data.hold_out_speaker is not None:
        rest, test = by_speaker(_open(data, "all"), [data.hold_out_speaker])
        train = _part(rest, "train_samples", data.train_samples, seed)
        return _validated(data, train, _part(test, "test_samples", data.test_samples, seed), seed)
    if data.folds is not None:
        rest, test = by_fold(_open(data, "all"), data.folds, data.fold)
        return _validated(data, _part(rest, "train_samples", data.train_samples, seed), test, seed)
    splits = catalogue.splits(data.dataset, data.path)
    whole = data.pool or not splits or {"train", "test"} <= set(splits)
    remedy = "add what is missing, or set pool=true to split all of it at random"
    require(
        whole, str(data.path), "train and test in it, or none of train, validation, test", ", ".join(splits), remedy
    )
    if data.pool or not splits:
        train, test = _pooled(data, _open(data, "all"), seed)
        return _validated(data, train, test, seed)
    official = _part(_open(data, "train"), "train_samples", data.train_samples, seed)
    tested_on = _part(_open(data, "test"), "test_samples", data.test_samples, seed)
    if "validation" in splits and data.validation > 0 and data.validation_speaker is None:
        return Parts(official, _open(data, "validation"), tested_on)
    return _validated(data, official, tested_on, seed)


def _validated(data: DataSettings, train: Dataset, test: Dataset, seed: int) -> Parts:
    """Take the samples for validation from those to train on."""
    if data.validation_speaker is not None:
        rest, held_out = by_speaker(train, [data.validation_speaker])
        return Parts(rest, held_out, test)
    if data.validation == 0:
        return Parts(train, None, test)
    count = max(1, round(data.validation * len(train)))
    require(count < len(train), "validation", "at least one sample left to train on", f"{len(train)} in all")
    rest, held_out = random_split(train, (len(train) - count, count), seed, stratified=True)
    return Parts(rest, held_out, test)


def _open(data: DataSettings, split: str) -> Dataset:
    return catalogue.open_dataset(data.dataset, data.path, split)


def _pooled(data: DataSettings, everything: Dataset, seed: int) -> Sequence[Subset]:
    """Samples to train on and to test on, from all there are."""
    count = len(everything)
    tested = data.test_samples or max(1, count // 5)
    require(tested < count, "test_samples", f"at most {count - 1}, so that one is left to train on", tested)
    trained = data.train_samples or count - tested
    most = f"at most {count - tested}, what {tested} of {count} to test on leave"
    require(trained + tested <= count, "train_samples", most, trained)
    return random_split(everything, (trained, tested), seed)


def _part(dataset: Dataset, setting: str, samples: int | None, seed: int) -> Dataset:
    if samples is None:
        return dataset
    require(samples <= len(dataset), setting, f"at most {len(dataset)}, the samples there are", samples)
    return random_split(dataset, (samples,), seed, stratified=True)[0]


def augmentations(data: DataSettings) -> list[Augmentation]:
    """What the settings ask for, in the order in which it is drawn."""
    slant = (data.rotation_degrees, data.zoom, data.shear)
    wanted: list[tuple[float, Callable[[], Augmentation]]] = [
        (data.jitter_pixels, lambda: Jitter(data.jitter_pixels)),
        (max(slant), lambda: Affine(*slant)),
        (data.channel_shift, lambda: ChannelShift(data.channel_shift)),
        (data.flip, lambda: Flip(data.flip)),
        (data.time_jitter_ms, lambda: TimeJitter(data.time_jitter_ms)),
        (data.time_skew, lambda: TimeSkew(1 - data.time_skew, 1 + data.time_skew)),
        (data.event_drop, lambda: EventDrop(data.event_drop)),
    ]
    return [make() for amount, make in wanted if amount > 0]


def _loader(
    dataset: Dataset, data: DataSettings, training: TrainingSettings, augment: Sequence[Augmentation] | None = None
) -> Loader:
    return Loader(
        dataset,
        batch_size=data.batch_size,
        dt_ms=data.dt_ms,
        steps=data.steps,
        shuffle=augment is not None,
        seed=training.seed,
        augment=augment or None,
        crop=None if data.crop is None else (data.crop, data.crop),
        denoise_ms=data.denoise_ms,
        pin=torch.device(training.device).type == "cuda",
    )
