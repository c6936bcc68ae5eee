"""Tables of docs/benchmarks.md, in Markdown."""

from collections.abc import Callable, Iterable, Sequence

from benchmarks.compare import by_case, fastest, ours, peer, typed
from benchmarks.demands import Outcome
from benchmarks.rows import Row


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table, all columns but the first to the right."""
    rule = ["---", *(["---:"] * (len(head) - 1))]
    return "".join("| " + " | ".join(line) + " |\n" for line in (head, rule, *lines))


_PROMISED = (
    "promise",
    "promised",
    "measured, worst case",
    "over what people run today",
    "over the fastest SNN library",
    "kept",
    "the worst case",
)


def promises(outcomes: Sequence[Outcome]) -> str:
    """A line for each promise: its cases summed up by the one that is furthest behind, and all that are.

    The two milder comparisons have worst cases of their own.
    """
    grouped: dict[str, list[Outcome]] = {}
    for one in outcomes:
        grouped.setdefault(one.promise, []).append(one)
    lines = []
    for promise, own in grouped.items():
        worst = min(own, key=lambda one: one.ratio / one.aim)
        kept = sum(one.kept for one in own)
        count = "yes" if kept == len(own) else f"in {kept} of {len(own)}" if len(own) > 1 else "no"
        milder = (_least(one.over_everyday for one in own), _least(one.over_library for one in own))
        figures = (f"{worst.aim:g}", _short(worst.ratio), *milder)
        lines.append([promise, *figures, count, f"{worst.case}: {worst.detail}"])
    return markdown(_PROMISED, lines)


def promised(promises: Sequence[tuple[str, float]]) -> str:
    """A line for each promise, in words and with its ratio, of which nothing has been measured."""
    lines = [[promise, f"{aim:g}", "not measured"] for promise, aim in promises]
    return markdown(("promise", "promised", "measured"), lines)


def _least(ratios: Iterable[float | None]) -> str:
    """The least of those that there are; "" where there are none."""
    there = [ratio for ratio in ratios if ratio is not None]
    return _short(min(there)) if there else ""


def times(rows: Sequence[Row], footnote: Callable[[str], str]) -> str:
    """Milliseconds a step, a column for each case; below, how many times as fast ours is.

    Args:
        rows: of cases whose names differ in their last part.
        footnote: the mark of an implementation's footnote, "" where it has none.
    """
    cases = by_case(rows)
    names = sorted({row["implementation"] for row in rows}, key=lambda name: (not name.startswith("ours_"), name))
    head = ["implementation", "type", *(case.rpartition("/")[2] for case in cases)]
    lines = []
    for name in names:
        cells = [_cell(own, name) for own in cases.values()]
        number_type = next(row["number_type"] for row in rows if row["implementation"] == name)
        lines.append([name + footnote(name), number_type, *cells])
    for title, of, over in _RATIOS:
        ratios = [_ratio(own, of, over) for own in cases.values()]
        if any(ratios):
            lines.append([f"**{title}**", "", *ratios])
    return markdown(head, lines)


def memories(rows: Sequence[Row]) -> str:
    """Megabytes of a step beyond weights, gradients and moments, a column for each case; "" where none is told."""
    told = [row for row in rows if row["peak_bytes"] is not None]
    if not told:
        return ""
    cases = by_case(told)
    names = sorted({row["implementation"] for row in told}, key=lambda name: (not name.startswith("ours_"), name))
    lines = [[name, *(_megabytes(own, name) for own in cases.values())] for name in names]
    return markdown(["implementation", *(case.rpartition("/")[2] for case in cases)], lines)


_RATIOS = (
    ("ours over the fastest other, any type", ours, peer),
    ("ours over the fastest other, fp32", typed(ours, "fp32"), typed(peer, "fp32")),
    ("ours over the fastest other, bf16", typed(ours, "bf16"), typed(peer, "bf16")),
)


def _ratio(rows: Sequence[Row], of: Callable[[Row], bool], over: Callable[[Row], bool]) -> str:
    mine, other = fastest(rows, of), fastest(rows, over)
    return "" if mine is None or other is None else f"**{_short(other['median_ms'] / mine['median_ms'])}**"


def _cell(rows: Sequence[Row], name: str) -> str:
    return next((_short(row["median_ms"]) for row in rows if row["implementation"] == name), "")


def _megabytes(rows: Sequence[Row], name: str) -> str:
    return next((f"{row['peak_bytes'] / 1e6:.0f}" for row in rows if row["implementation"] == name), "")


def _short(value: float) -> str:
    """Three significant digits, never as a power of ten."""
    return f"{float(f'{value:.3g}'):,.10g}"
