"""The paper's two claims, each as one sentence made from the numbers."""

from collections.abc import Sequence

from studies.accuracy import records as read
from studies.accuracy.plan import DENSE, PLAIN_TORCH, WINDOW, DataSet
from studies.accuracy.records import Record
from studies.accuracy.statistics import PARITY, REACHED, Difference, difference
from studies.accuracy.words import interval, points, rests_on

SPARSE = (WINDOW, "cap10", "cap5", "cap1")
NAMES = {WINDOW: "the window alone", "cap10": "a cap of 10 %", "cap5": "a cap of 5 %", "cap1": "a cap of 1 %"}

SLOWER = 1.0
"""Epochs on average from which on convergence counts as slower: no finer step is measured."""


def accuracy(records: Sequence[Record], data: DataSet) -> str:
    """The sentence on the first claim, no significant loss of accuracy."""
    parts = []
    for variant in SPARSE:
        found = accuracy_difference(records, data.name, variant, DENSE)
        if found is not None:
            parts.append(f"{NAMES[variant]} {points(found)} ({rests_on(found, data)}): {verdict(found)}")
    head = "**No significant loss of accuracy?** Test accuracy less that of dense, in points: "
    return head + ("; ".join(parts) if parts else "no pair of runs is finished") + "."


def accuracy_difference(records: Sequence[Record], data: str, one: str, other: str) -> Difference | None:
    """The paired difference in test accuracy of two variants."""
    figures = [read.values(read.of(records, data, name), lambda run: run.accuracy) for name in (one, other)]
    return difference(figures[0], figures[1])


def verdict(found: Difference) -> str:
    """Whether a difference in accuracy is parity, and how sure that is."""
    if abs(found.mean) > PARITY + 1e-9:
        return f"no parity, {'better' if found.mean > 0 else 'worse'} by more than 1 point"
    if found.low is None or found.high is None:
        return "parity, without an interval"
    if found.low < -PARITY or found.high > PARITY:
        return "parity on average, though the interval reaches beyond 1 point"
    return "parity"


def convergence(records: Sequence[Record], data: DataSet) -> str:
    """The sentence on the second claim, no slower convergence."""
    parts = [part for variant in SPARSE for part in _converges(records, data, variant)]
    head = (
        f"**No slower convergence?** Epochs until validation reaches {REACHED:.0%} of dense's final accuracy, "
        "less those of dense: "
    )
    return head + ("; ".join(parts) if parts else "no pair of runs is finished") + "."


def _converges(records: Sequence[Record], data: DataSet, variant: str) -> list[str]:
    """What there is to say of a variant's convergence: one part of a sentence, or nothing."""
    dense = read.of(records, data.name, DENSE)
    runs = read.of(records, data.name, variant)
    reached = read.epochs_to_target(runs, dense)
    if not reached:
        return []
    missed = sum(epochs is None for epochs in reached.values())
    found = difference(read.known(reached), read.known(read.epochs_to_target(dense, dense)))
    seconds = difference(read.seconds_to_target(runs, dense), read.seconds_to_target(dense, dense))
    if found is None or seconds is None:
        return [f"{NAMES[variant]} never reaches it in {missed} of {len(reached)} runs: slower"]
    figures = f"{NAMES[variant]} {interval(found)} epochs and {interval(seconds)} s ({rests_on(found, data)})"
    if missed:
        return [f"{figures}, but {missed} of {len(reached)} runs never reach it: slower"]
    return [f"{figures}: " + ("slower" if found.mean > SLOWER else "no slower")]


def plain_torch(records: Sequence[Record], data: DataSet) -> str:
    """The sentence on the same network trained with plain torch, against ours as the recipe has it."""
    found = accuracy_difference(records, data.name, PLAIN_TORCH, WINDOW)
    if found is None:
        return "**Plain torch**: no pair of runs is finished."
    better = "more than 1 point better than ours" if found.mean > PARITY + 1e-9 else "no more than 1 point better"
    return (
        f"**Plain torch**, dense and without a window, less ours as the recipe has it: {points(found)} points of test "
        f"accuracy ({rests_on(found, data)}): {better}."
    )
