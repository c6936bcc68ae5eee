"""Means, spreads, paired differences with their confidence intervals, and how soon a target is reached.

Values are held by part and seed. The seeds of one part (a fold, a speaker) share their samples, so they are no
independent trials: they are averaged first, and intervals rest on the parts alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

Values = Mapping[tuple[str, int], float]
"""By part and seed."""

CONFIDENCE = 0.95
PARITY = 0.01
"""Accuracies that differ by no more than one point on average are equal."""

REACHED = 0.95
"""The fraction of the dense run's final accuracy on validation that counts as converged."""


@dataclass(frozen=True)
class Spread:
    """What runs of one kind came to.

    Args:
        mean: of the means of the parts.
        sd: the standard deviation over all runs; None of a single one.
        parts: how many.
        runs: how many.
    """

    mean: float
    sd: float | None
    parts: int
    runs: int


@dataclass(frozen=True)
class Difference:
    """A mean paired difference.

    Args:
        mean: over the parts.
        low: lower end of its 95 % confidence interval, by Student's t over the parts; None of a single part.
        high: upper end.
        parts: how many.
        runs: how many pairs.
    """

    mean: float
    low: float | None
    high: float | None
    parts: int
    runs: int


def by_part(values: Values) -> dict[str, float]:
    """The mean over the seeds of each part."""
    seeds: dict[str, list[float]] = {}
    for (part, _), value in values.items():
        seeds.setdefault(part, []).append(value)
    return {part: fmean(held) for part, held in seeds.items()}


def spread(values: Values) -> Spread:
    """Mean and standard deviation of at least one run."""
    sd = stdev(values.values()) if len(values) > 1 else None
    means = by_part(values)
    return Spread(fmean(means.values()), sd, len(means), len(values))


def difference(values: Values, others: Values) -> Difference | None:
    """The mean of values less others over the pairs of equal part and seed; None where there is no pair.

        mean ± t(0.975, n - 1) sd / sqrt(n)

    with the mean and sd of the n parts' own mean differences.
    """
    paired = {key: value - others[key] for key, value in values.items() if key in others}
    means = list(by_part(paired).values())
    if not means:
        return None
    mean, half = fmean(means), _half_width(means)
    low, high = (None, None) if half is None else (mean - half, mean + half)
    return Difference(mean, low, high, len(means), len(paired))


def _half_width(means: Sequence[float]) -> float | None:
    from scipy.stats import t

    count = len(means)
    if count < 2:
        return None
    return float(t.ppf((1 + CONFIDENCE) / 2, count - 1)) * stdev(means) / math.sqrt(count)


def first_at_least(accuracies: Sequence[float], target: float) -> int | None:
    """The first epoch, from 1 on, whose accuracy is at least the target; None where none is."""
    return next((epoch for epoch, value in enumerate(accuracies, start=1) if value >= target), None)
