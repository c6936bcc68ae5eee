"""The tables of the report."""

from collections.abc import Sequence
from statistics import fmean, median

from studies.accuracy import claims
from studies.accuracy import records as read
from studies.accuracy.plan import ANNEALING, DENSE, IN_TORCH, MAIN, WIDTHS, DataSet, Variant
from studies.accuracy.records import Record
from studies.accuracy.statistics import Values, difference, spread
from studies.accuracy.words import interval, percent, points, rests_on, table

NONE = "–"


def main(records: Sequence[Record], data: DataSet) -> str:
    """Accuracy, activity, speed, memory and convergence of each variant; widths and annealing have one of their own."""
    head = (
        *("variant", "runs", "test accuracy, %", "less dense, points [95 %]", "active hidden, %"),
        *("samples/s", "peak MB", "epochs to target", "less dense", "seconds to target", "less dense"),
    )
    return table(head, [_main_row(records, data, variant) for variant in (*MAIN, IN_TORCH)])


def widths(records: Sequence[Record], data: DataSet) -> str:
    """Accuracy by the window's width, and with and without annealing."""
    head = ("variant", "runs", "test accuracy, %", "less dense, points [95 %]", "active hidden, %", "epochs to target")
    return table(head, [_width_row(records, data, variant) for variant in (*WIDTHS, *ANNEALING)])


def _main_row(records: Sequence[Record], data: DataSet, variant: Variant) -> list[str]:
    runs = read.of(records, data.name, variant.name)
    if not runs:
        return [variant.name, "none"] + [NONE] * 9
    dense = read.of(records, data.name, DENSE)
    memory = read.values(runs, lambda run: run.memory_mb)
    epochs, against = read.epochs_to_target(runs, dense), read.epochs_to_target(dense, dense)
    seconds, dense_seconds = read.seconds_to_target(runs, dense), read.seconds_to_target(dense, dense)
    return [
        *_accuracies(records, data, variant, runs),
        f"{median(run.samples_per_s for run in runs):.0f}",
        f"{median(memory.values()):.0f}" if memory else NONE,
        _epochs(epochs),
        NONE if variant.name == DENSE else _less(read.known(epochs), read.known(against)),
        f"{spread(seconds).mean:.1f}" if seconds else NONE,
        NONE if variant.name == DENSE else _less(seconds, dense_seconds),
    ]


def _width_row(records: Sequence[Record], data: DataSet, variant: Variant) -> list[str]:
    runs = read.of(records, data.name, variant.name)
    if not runs:
        return [variant.name, "none"] + [NONE] * 4
    reached = read.epochs_to_target(runs, read.of(records, data.name, DENSE))
    return [*_accuracies(records, data, variant, runs), _epochs(reached)]


def _accuracies(records: Sequence[Record], data: DataSet, variant: Variant, runs: Sequence[Record]) -> list[str]:
    """The first columns of both tables."""
    accuracy = spread(read.values(runs, lambda run: run.accuracy))
    found = claims.accuracy_difference(records, data.name, variant.name, DENSE)
    owner = runs[0].stands_for[0]
    return [
        variant.name if owner == variant.name else f"{variant.name} (the runs of {owner})",
        rests_on(accuracy, data),
        percent(accuracy),
        NONE if variant.name == DENSE or found is None else points(found),
        " · ".join(f"{100 * fmean(layer):.1f}" for layer in zip(*(run.activity for run in runs), strict=True)),
    ]


def _epochs(reached: dict[tuple[str, int], int | None]) -> str:
    """The mean of the runs that reach the target, and how many do not."""
    known = read.known(reached)
    if not known:
        return NONE
    missed = len(reached) - len(known)
    return f"{spread(known).mean:.1f}" + (f" ({missed} of {len(reached)} never)" if missed else "")


def _less(values: Values, others: Values) -> str:
    found = difference(values, others)
    return NONE if found is None else interval(found)
