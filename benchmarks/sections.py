"""Parts of docs/benchmarks.md that CPUs and GPUs share."""

from collections.abc import Collection, Mapping, Sequence

from benchmarks import tables
from benchmarks.compare import by_case
from benchmarks.rows import Row


def in_order(found: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """Rows in the order of the names of their cases, whatever order they were measured in."""
    place = {name: number for number, name in enumerate(names)}
    return sorted(found, key=lambda row: (place.get(row["case"], len(place)), row["case"]))


def grouped(found: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows of cases whose names differ in their last part alone."""
    groups: dict[str, list[Row]] = {}
    for row in found:
        groups.setdefault(row["case"].rpartition("/")[0], []).append(row)
    return groups


class Footnotes:
    """What differs in implementations, numbered in the order of their names.

    Args:
        found: rows, whose notes they are.
    """

    def __init__(self, found: Sequence[Row]) -> None:
        noted = sorted({(row["implementation"], row["note"]) for row in found if row["note"]})
        self._notes: dict[str, list[str]] = {}
        for name, note in noted:
            self._notes.setdefault(name, []).append(note)
        self._versions = {row["implementation"]: row["version"] for row in found}

    def mark(self, name: str) -> str:
        """What stands behind an implementation's name."""
        return f" [{list(self._notes).index(name) + 1}]" if name in self._notes else ""

    def text(self) -> str:
        """All footnotes, and the versions of all implementations."""
        notes = [f"{number}. {name}: {' '.join(n)}" for number, (name, n) in enumerate(self._notes.items(), start=1)]
        versions = [f"* {name}: {version}" for name, version in sorted(self._versions.items())]
        return "\n".join([*notes, "", "Versions:", "", *versions, ""])


def machine_line(own: Sequence[Row]) -> str:
    """Whose rows these are, when they were measured, and at which commits of the sources."""
    dates = sorted(row["date"][:10] for row in own)
    threads = sorted({row["threads"] for row in own})
    commits = sorted({row["commit"] for row in own})
    named = f"commit {commits[0]}" if len(commits) == 1 else f"{len(commits)} commits: {', '.join(commits)}"
    return (
        f"Machine: {own[0]['machine']}, {' or '.join(map(str, threads))} threads. "
        f"Measured {' to '.join(dict.fromkeys((dates[0], dates[-1])))}, at {named}.\n"
    )


def family_section(family: str, group: Sequence[Row], notes: Footnotes) -> str:
    """The table of a family, and one of its memory where that was measured."""
    layers = {"-".join(map(str, row["layers"])) for row in group}
    sizes = f" ({layers.pop()})" if len(layers) == 1 else ""
    own = by_case(group)
    rates = [f"{min(hidden):.2%} to {max(hidden):.2%}" for hidden in (_hidden(rows_) for rows_ in own.values())]
    parts = [f"### {family}{sizes}\n", tables.times(group, notes.mark)]
    parts.append(f"Hidden activity, measured over all implementations: {'; '.join(rates)}.\n")
    memory = tables.memories(group)
    if memory:
        parts += ["MB of a step beyond weights, gradients and moments:\n", memory]
    return "\n".join(parts)


def _hidden(own: Sequence[Row]) -> list[float]:
    return [rate for row in own for rate in row["activity_hidden"]]


def left_out(
    reasons: Mapping[str, Mapping[str, str]], there: Collection[str], title: str = "## Without a row\n"
) -> str:
    """Why implementations have no row in these cases, each reason once with its cases."""
    grouped_: dict[tuple[str, str], list[str]] = {}
    for case, by_name in reasons.items():
        for name, reason in by_name.items():
            if case in there:
                grouped_.setdefault((name, reason), []).append(case)
    if not grouped_:
        return ""
    lines = [f"* {name}: {reason} ({_some(found)})" for (name, reason), found in sorted(grouped_.items())]
    return "\n".join([title, *lines, ""])


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} more"
