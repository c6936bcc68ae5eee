"""What finished runs of the study tell, read from their folders."""

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any

from spikeloom.checks import InputError
from spikeloom.train import run as runs
from spikeloom.train.metrics import read
from studies.accuracy.statistics import REACHED, Values, first_at_least
from studies.accuracy.worker import STUDY


@dataclass(frozen=True)
class Record:
    """A finished run.

    Args:
        data: the data set's name.
        stands_for: the variants whose run it is.
        part: the fold or speaker that was tested on.
        seed: of the run.
        accuracy: on the test samples, of the epoch that was best on validation; from 0 to 1.
        validation: accuracy on validation after each epoch.
        seconds: of training, up to the end of each epoch.
        activity: of each hidden layer on the test samples.
        samples_per_s: of the median epoch.
        memory_mb: what the process took at its peak beyond what it had before the run; None where it is not known.
        facts: the rest of `study.json`.
        settings: `config.toml`.
    """

    data: str
    stands_for: tuple[str, ...]
    part: str
    seed: int
    accuracy: float
    validation: list[float]
    seconds: list[float]
    activity: list[float]
    samples_per_s: float
    memory_mb: float | None
    facts: dict[str, Any]
    settings: dict[str, Any]

    @property
    def key(self) -> tuple[str, int]:
        """Part and seed."""
        return self.part, self.seed


def read_all(folder: Path) -> list[Record]:
    """All finished runs below a folder, in the order of their names.

    Raises:
        InputError: a run whose files cannot be used.
    """
    return [_record(file.parent) for file in sorted(folder.glob(f"*/{STUDY}"))]


def of(records: Iterable[Record], data: str, variant: str) -> list[Record]:
    """The runs of a variant on a data set."""
    return [record for record in records if record.data == data and variant in record.stands_for]


def values(records: Iterable[Record], figure: Callable[[Record], float | None]) -> Values:
    """A figure of each run by part and seed; runs that do not have it are left out."""
    found = {record.key: figure(record) for record in records}
    return {key: value for key, value in found.items() if value is not None}


def epochs_to_target(records: Iterable[Record], dense: Iterable[Record]) -> dict[tuple[str, int], int | None]:
    """By part and seed, the epochs until validation comes near the dense run's final accuracy; None: it never does.

    Args:
        records: runs of one variant; one without a dense run of its part and seed is left out.
        dense: the dense runs.
    """
    targets = {record.key: REACHED * record.validation[-1] for record in dense}
    return {
        record.key: first_at_least(record.validation, targets[record.key])
        for record in records
        if record.key in targets
    }


def known(epochs: Mapping[tuple[str, int], int | None]) -> Values:
    """Those that were reached."""
    return {key: value for key, value in epochs.items() if value is not None}


def seconds_to_target(records: Sequence[Record], dense: Sequence[Record]) -> Values:
    """By part and seed, the seconds of training until the same; runs that never reach it are left out."""
    seconds = {record.key: record.seconds for record in records}
    return {key: seconds[key][int(epochs) - 1] for key, epochs in known(epochs_to_target(records, dense)).items()}


def _record(folder: Path) -> Record:
    try:
        facts = json.loads((folder / STUDY).read_text(encoding="utf-8"))
        settings = tomllib.loads((folder / runs.CONFIG).read_text(encoding="utf-8"))
        lines = read(folder / runs.METRICS)
        (test,) = [line for line in lines if line.split == "test"]
        trained = [line for line in lines if line.split == "train"]
        peak = facts.get("peak_bytes")
        return Record(
            facts["data"],
            tuple(facts["stands_for"]),
            facts["part"],
            facts["seed"],
            test.accuracy,
            [line.accuracy for line in lines if line.split == "validation"],
            list(accumulate(line.seconds for line in trained)),
            [value for name, value in test.activity.items() if name != "input"],
            median(line.samples_per_s for line in trained),
            None if peak is None else (peak - facts["before_bytes"]) / 1e6,
            facts,
            settings,
        )
    except (OSError, ValueError, KeyError) as error:
        got = f"{type(error).__name__} ({error})"
        raise InputError(
            f"{folder}: expected a finished run of the study, got {got}; delete it, to run it anew"
        ) from error
