"""A run in a few words: its headline numbers, and what a reader should know before trusting them."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from spikeloom.show import words
from spikeloom.show.collect import Survey
from spikeloom.show.record import Record
from spikeloom.train import recipes
from spikeloom.train.config import Config
from spikeloom.train.settings import SECTIONS

READOUTS = {"li": "leaky integrators at the end", "linear": "a linear readout", "spikes": "spiking class neurons"}

MOST_NAMED = 8
"""So many classes are named in a warning."""

FEW = 200
"""Fewer samples than this make an accuracy uncertain by several points."""


@dataclass(frozen=True)
class Subject:
    """All that a report is made of.

    Args:
        record: what the run folder says.
        split: "test" or "validation".
        names: of the classes; empty without samples.
        survey: what a pass over the split found; None without samples or weights.
        sizes: neurons from the input to the classes; None without weights.
        samples: of each split; empty without samples.
        missing: why there is no survey, in a sentence; "" where there is one.
        data: the folder of the recordings that was asked for; None for the run's own.
        neurons: whose membranes to show; None for telling ones.
    """

    record: Record
    split: str
    names: tuple[str, ...] = ()
    survey: Survey | None = None
    sizes: tuple[int, ...] | None = None
    samples: dict[str, int] | None = None
    missing: str = ""
    data: Path | None = None
    neurons: tuple[int, ...] | None = None


def interval(share: float, samples: int) -> tuple[float, float]:
    """Where a share lies in 95 of 100 such measurements (Wilson 1927), for a share seen in so many samples."""
    z = 1.959964
    weight = 1 + z * z / samples
    middle = (share + z * z / (2 * samples)) / weight
    half = z * (share * (1 - share) / samples + z * z / (4 * samples**2)) ** 0.5 / weight
    return max(0.0, middle - half), min(1.0, middle + half)


def tiles(subject: Subject) -> list[tuple[str, str, str]]:
    """The headline numbers: name, value, and a word on each."""
    record, survey = subject.record, subject.survey
    found = [_accuracy(subject)]
    epochs = record.config.training.epochs
    if record.chosen is not None:
        why = "the best on validation" if record.of("validation") else "the last"
        found.append(("chosen epoch", str(record.chosen), f"{why}; {record.epochs} of {epochs} are done"))
    if subject.samples:
        parts = [f"{subject.samples[split]:,} to {verb}" for split, verb in _VERBS.items() if split in subject.samples]
        found.append(("samples", f"{sum(subject.samples.values()):,}", ", ".join(parts)))
    if survey is not None:
        forward = sum(work.mean("forward") for work in survey.operations.values())
        dense = sum(work.dense("forward") for work in survey.operations.values())
        said = f"for a sample, forward; dense: {words.compact(dense)}"
        found.append(("synaptic operations", words.compact(forward), said))
    if record.seconds is not None:
        rate = [line.samples_per_s for line in record.of("train") if line.samples_per_s is not None]
        loading = [line.loader_share for line in record.of("train") if line.loader_share is not None]
        said = f"{words.compact(rate[-1])} samples a second in training" if rate else "all epochs"
        said += f"; {words.activity(loading[-1])} of the time in the loader" if loading else ""
        found.append(("time", words.duration(record.seconds), said))
    elif speeds := [line.samples_per_s for line in record.of("train") if line.samples_per_s is not None]:
        found.append(("speed", words.compact(speeds[-1]), "samples a second, in the last epoch of training"))
    return found


_VERBS = {"train": "train", "validation": "validate", "test": "test"}


def _accuracy(subject: Subject) -> tuple[str, str, str]:
    name = f"{subject.split} accuracy"
    if subject.survey is not None:
        share, samples = subject.survey.predictions.accuracy, len(subject.survey.predictions.labels)
        low, high = interval(share, samples)
        return name, words.percent(share), f"95 % interval {100 * low:.1f} to {100 * high:.1f} %"
    lines = subject.record.of(subject.split)
    line = next((line for line in lines if line.epoch == subject.record.chosen), None)
    return (name, words.percent(line.accuracy), "as the run wrote it down") if line else (name, "–", "not known")


def network(subject: Subject) -> str:
    """The network in a line."""
    network, data = subject.record.config.network, subject.record.config.data
    sizes: tuple[int | str, ...] = subject.sizes or ("input", *network.hidden, "classes")
    kind = "recurrent" if network.recurrent else "feed-forward"
    layers = " – ".join(map(str, sizes))
    return f"{kind} {layers}, {READOUTS[network.readout]}, {data.steps:,} steps of {data.dt_ms:g} ms"


def warnings(subject: Subject) -> list[str]:
    """What is off, worst first."""
    record, said = subject.record, []
    if subject.missing:
        said.append(subject.missing)
    planned = record.config.training.epochs
    if record.epochs == 0:
        said.append("No epoch of this run is complete: there are no curves.")
    elif record.test is None:
        said.append(
            f"This run is not finished: {record.epochs} of {planned} epochs are done and there is no final test. "
            f"Go on with: spikeloom train --run {record.folder} --resume"
        )
    if record.unreadable:
        said.append(f"{words.several(record.unreadable, 'line')} of metrics.jsonl could not be read and were left out.")
    return said if subject.survey is None else said + _doubts(subject, subject.survey)


def _doubts(subject: Subject, survey: Survey) -> list[str]:
    said, tested, accuracy = [], subject.record.test, survey.predictions.accuracy
    if subject.split == "test" and tested is not None and abs(tested.accuracy - accuracy) > 1e-9:
        said.append(
            f"The run wrote down a test accuracy of {words.percent(tested.accuracy, 2)}; with the data at hand it is "
            f"{words.percent(accuracy, 2)}. The data or the weights have changed since."
        )
    samples = len(survey.predictions.labels)
    if samples < FEW:
        low, high = interval(accuracy, samples)
        said.append(
            f"Only {words.several(samples, 'sample')} in the {subject.split} split: the true accuracy may well be "
            f"anywhere from {100 * low:.0f} to {100 * high:.0f} %."
        )
    for name in survey.counts:
        rates = survey.rates(name)
        dead = int((rates == 0).sum())
        if name != "input" and dead > 0.2 * len(rates):
            said.append(
                f"{name}: {dead} of {len(rates)} neurons never spike ({words.percent(dead / len(rates), 0)}). "
                "A higher initial_activity, or activity_low with activity_penalty, wakes them."
            )
        if name != "input" and rates.mean() > 0.5:
            said.append(f"{name} spikes at {words.percent(rates.mean(), 0)} of all steps: sparse work saves nothing.")
    never = set(range(len(subject.names))) - set(survey.predictions.predicted.tolist())
    absent = never - set(survey.predictions.labels.tolist())
    missed = [f"class {subject.names[k]}" for k in sorted(never - absent)]
    if missed:
        more = [f"{len(missed) - MOST_NAMED} more"] if len(missed) > MOST_NAMED else []
        said.append("Never found: " + words.listed(missed[:MOST_NAMED] + more) + ".")
    return said


def settings_table(config: Config) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """By section: each setting, its value, and the recipe's value where that is another, else ""."""
    usual = recipes.named(config.recipe) if config.recipe in recipes.names() else Config()
    return [(name, _rows(getattr(config, name), getattr(usual, name))) for name in SECTIONS]


def _rows(section: Any, usual: Any) -> list[tuple[str, str, str]]:
    rows = []
    for entry in fields(section):
        value, other = getattr(section, entry.name), getattr(usual, entry.name)
        rows.append((entry.name, _text(value), "" if value == other else _text(other)))
    return rows


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return str(value)
