"""A run from its settings to its last line, and the evaluation of one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from spikeloom.checks import InputError
from spikeloom.nn import init
from spikeloom.train import run as runs
from spikeloom.train import settings
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import Config, TrainingSettings
from spikeloom.train.datasets import Loaders, loaders
from spikeloom.train.loop import evaluate, fit
from spikeloom.train.metrics import Metrics, activity_in_words, read
from spikeloom.train.report import Report
from spikeloom.train.run import Run


@dataclass(frozen=True)
class Outcome:
    """What a run ended with.

    Args:
        folder: the run's.
        test: the chosen epoch's metrics on the test samples; None if the run was stopped.
    """

    folder: Path
    test: Metrics | None


def train(config: Config, folder: Path | None = None, report: Report | None = None) -> Outcome:
    """Do a run: data, network, training, test, and the run folder.

    An interrupt (Ctrl-C) while it trains saves what is done, says so, and returns.

    Args:
        config: all settings.
        folder: where the run goes, a folder that does not exist; None: a new one below `runs`.
        report: where progress goes; None: standard output.

    Raises:
        InputError: a folder that exists, data that cannot be used, settings that do not fit each other, numbers that
            are not finite.
    """
    report = report or Report()
    folder = folder or runs.default_folder(config.recipe)
    runs.require_new(folder)
    with computing(config.training):
        return _train(config, folder, report)


def _train(config: Config, folder: Path, report: Report) -> Outcome:
    started = time.perf_counter()
    batches = loaders(config)
    dataset = batches.train.dataset
    model = runs.classifier(config, dataset.sensor, dataset.classes)
    run = Run(folder, config)
    report.line(_sizes(config, batches, model))
    try:
        _scale(model, batches, config)
        best = fit(model, batches, config.training, run, report)
        test = evaluate(model, batches.test, best.epoch, "test", report)
        run.record(test)
        _draw(run, model, batches)
    except KeyboardInterrupt:
        # With validation the best epoch so far is on disk already, and stays the choice.
        if batches.validation is None or not (folder / runs.MODEL).exists():
            run.save(model)
        report.line(f"stopped; what was done is saved in {folder}")
        return Outcome(folder, None)
    report.line(model.network.explain())
    report.line(_summary(test, best, folder, time.perf_counter() - started))
    return Outcome(folder, test)


def evaluate_run(folder: Path, data: str | None, split: str, report: Report | None = None) -> Metrics:
    """Test the weights of a run on a split of its data.

    Args:
        folder: the run's.
        data: the folder of the recordings, if not where the run had them.
        split: "train", "validation" or "test"; never augmented.
        report: where progress goes; None: standard output.

    Raises:
        InputError: a run or data that cannot be used, or a split that the run does not have.
    """
    report = report or Report()
    model = runs.load(folder)
    config = settings.from_toml(folder / runs.CONFIG)
    changed = replace(config.data, path=data or config.data.path, jitter_pixels=0, time_skew=0.0, event_drop=0.0)
    epochs = [line.epoch for line in read(folder / runs.METRICS) if line.split == "test"]
    with computing(config.training):
        loader = getattr(loaders(replace(config, data=changed)), split)
        if loader is None:
            raise InputError(f"split: expected train or test, got {split}; the run held nothing out (validation = 0)")
        metrics = evaluate(model, loader, epochs[-1] if epochs else 0, split, report)
    report.line(
        f"{split} accuracy {metrics.accuracy:.2%}, loss {metrics.loss:.4f}, {metrics.samples_per_s:.0f} samples/s\n"
        f"activity {activity_in_words(metrics.activity)}"
    )
    return metrics


@contextmanager
def computing(settings: TrainingSettings) -> Iterator[None]:
    """While open, use so many threads, and flush denormal floats to zero: decaying adjoints become such, and slow."""
    threads, flushing = torch.get_num_threads(), float(torch.tensor(1e-38) * 1e-3) == 0.0
    torch.set_flush_denormal(True)
    torch.set_num_threads(settings.threads or threads)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushing)
        torch.set_num_threads(threads)


def _sizes(config: Config, batches: Loaders, model: Classifier) -> str:
    held_out = f", {len(batches.validation.dataset)} to validate" if batches.validation else ""
    layers = " - ".join(map(str, (model.binning.neurons, *config.network.hidden, model.classes)))
    return (
        f"{config.recipe}: {len(batches.train.dataset)} samples to train{held_out}, "
        f"{len(batches.test.dataset)} to test; "
        f"network {layers}, {config.data.steps} steps of {config.data.dt_ms:g} ms"
    )


def _scale(model: Classifier, batches: Loaders, config: Config) -> None:
    """Scale the weights to the wanted activity on the first batch."""
    if config.training.initial_activity is not None:
        spikes, _ = next(iter(batches.train))
        init.scale_to_activity_(model.network, spikes, config.training.initial_activity)


def _draw(run: Run, model: Classifier, batches: Loaders) -> None:
    spikes, labels = next(iter(batches.test))
    run.draw(model, spikes[:, :1], int(labels[0]))


def _summary(test: Metrics, best: Metrics, folder: Path, seconds: float) -> str:
    chosen = f"epoch {best.epoch}, the best on validation" if best.split == "validation" else "the last epoch"
    trained = [line for line in read(folder / runs.METRICS) if line.split == "train"]
    return (
        f"test accuracy  {test.accuracy:.2%} ({chosen})\n"
        f"activity       {activity_in_words(test.activity)}\n"
        f"training       {trained[-1].samples_per_s:.0f} samples/s; {seconds:.1f} s in all\n"
        f"run folder     {folder}"
    )
