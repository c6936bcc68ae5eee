"""Numbers as the report writes them."""

from collections.abc import Sequence

from studies.accuracy.plan import DataSet
from studies.accuracy.statistics import Difference, Spread


def interval(found: Difference, scale: float = 1.0) -> str:
    """A mean difference with its confidence interval, as in "+0.2 [-0.4, +0.8]"."""
    mean = f"{scale * found.mean:+.1f}"
    if found.low is None or found.high is None:
        return mean
    return f"{mean} [{scale * found.low:+.1f}, {scale * found.high:+.1f}]"


def points(found: Difference) -> str:
    """A difference of accuracies in points."""
    return interval(found, scale=100.0)


def percent(found: Spread) -> str:
    """Mean and standard deviation of accuracies in percent."""
    return f"{100 * found.mean:.1f}" + ("" if found.sd is None else f" ± {100 * found.sd:.1f}")


def rests_on(found: Difference | Spread, data: DataSet) -> str:
    """How many runs a figure rests on, as in "5 folds × 3 seeds" or "7 runs of 5 folds"."""
    kind = f"{found.parts} {data.kind}{'s' * (found.parts != 1)}"
    seeds, rest = divmod(found.runs, found.parts)
    return f"{found.runs} runs of {kind}" if rest else f"{kind} × {seeds} seed{'s' * (seeds != 1)}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table, the first column to the left and all others to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
