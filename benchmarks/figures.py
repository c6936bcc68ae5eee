"""The pictures of docs/benchmarks.md, as SVG files whose bytes depend on the numbers alone.

Each function draws a picture if the rows have what it shows, and returns whether it did.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.compare import Which, fastest, ours_by, peer, speedup, swept
from benchmarks.rows import Row
from spikeloom import plots

# Okabe and Ito's colours, which colour-blind readers tell apart too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "black", "#7F7F7F")
SHAPES = {"nmnist": "N-MNIST", "shd": "SHD", "dvs": "DVS"}
Points = list[tuple[float, float]]


def speedups(rows: Sequence[Row], kind: str, file: Path) -> bool:
    """How many of our steps fit into one of the fastest peer, against hidden activity; crossovers are marked.

    Args:
        rows: all.
        kind: "a" or "b", of the paper's layers.
        file: the picture's.
    """
    routes = (("our sparse route", ours_by("sparse")), ("our choice", ours_by("auto")))
    drawn = []
    for shape, title in SHAPES.items():
        cases = swept(rows, f"paper-layers-{kind}/{shape}/2")
        lines = [(name, _points(cases, partial(speedup, of=of, over=peer))) for name, of in routes]
        if any(len(points) > 1 for _, points in lines):
            drawn.append((title, lines))
    if not drawn:
        return False
    figure, axes = plots.panels(2.6 * len(drawn) + 0.4, 2.8, len(drawn))
    for axis, (title, lines) in zip(axes, drawn, strict=True):
        axis.axhline(1, color="#7F7F7F", linewidth=0.8)
        for (name, points), colour in zip(lines, COLOURS, strict=False):
            axis.plot(*_columns(points), color=colour, marker="o", markersize=3, linewidth=1, label=name)
        crossing = crossover(lines[0][1])
        if crossing is not None:
            axis.axvline(crossing, color=COLOURS[0], linewidth=0.8, linestyle=":")
            axis.annotate(f"{crossing:.1f} %", (crossing, 1), xytext=(3, 4), textcoords="offset points")
        axis.set(title=title, xlabel="hidden activity, %", xscale="log", yscale="log")
    axes[0].set(ylabel="times the fastest other")
    axes[0].legend(frameon=False)
    plots.save_svg(figure, file)
    return True


def crossover(points: Points) -> float | None:
    """The activity at which a falling speed-up passes 1, interpolated on logarithms; None where it does not."""
    for (left, above), (right, below) in pairwise(points):
        if above >= 1 > below:
            share = math.log(above) / (math.log(above) - math.log(below))
            return math.exp(math.log(left) + share * (math.log(right) - math.log(left)))
    return None


def sparsity_and_fusing(rows: Sequence[Row], shape: str, file: Path) -> bool:
    """Milliseconds of the fastest peer, of our dense route and of our sparse one: two gains, one on the other."""
    cases = swept(rows, f"paper-layers-b/{shape}/2")
    kinds: tuple[tuple[str, Which], ...] = (
        ("fastest other", peer),
        ("our dense route", ours_by("dense")),
        ("our sparse route", ours_by("sparse")),
    )
    lines = [_points(cases, partial(_ms, of=of)) for _, of in kinds]
    if any(len(points) < 2 or len(points) != len(lines[0]) for points in lines):
        return False
    figure, (axis,) = plots.panels(4.4, 3.0, 1)
    activity, other = _columns(lines[0])
    (_, own_dense), (_, own_sparse) = _columns(lines[1]), _columns(lines[2])
    axis.fill_between(activity, own_dense, other, color="#56B4E9", alpha=0.35, label="fusing")
    axis.fill_between(activity, own_sparse, own_dense, color="#E69F00", alpha=0.35, label="sparsity")
    for (name, _), points, colour in zip(kinds, lines, ("black", *COLOURS[:2]), strict=True):
        axis.plot(*_columns(points), color=colour, marker="o", markersize=3, linewidth=1, label=name)
    axis.set(xlabel="input and hidden activity, %", ylabel="ms a step", xscale="log", yscale="log")
    axis.legend(frameon=False)
    plots.save_svg(figure, file)
    return True


def time_by_neurons(rows: Sequence[Row], file: Path) -> bool:
    """Milliseconds a step against the number of neurons, of ours and of the fastest peers."""
    return _families(swept(rows, "neurons"), "median_ms", 1.0, ("neurons", "ms a step"), file)


def memory_by_steps(rows: Sequence[Row], file: Path) -> bool:
    """Megabytes of a step beyond weights, gradients and moments against the number of time steps."""
    return _families(swept(rows, "steps"), "peak_bytes", 1e-6, ("time steps", "MB of a step"), file)


def _families(
    cases: list[tuple[float, list[Row]]], key: str, scale: float, labels: tuple[str, str], file: Path, peers: int = 5
) -> bool:
    """A line for our fastest route and for each of the best peers, over cases with a number of their own."""
    told = [(x, [row for row in own if row[key] is not None]) for x, own in cases]
    if sum(bool(own) for _, own in told) < 2:
        return False
    best: dict[str, float] = {}
    for row in told[-1][1] or told[0][1]:
        best[row["implementation"]] = row[key]
    names = sorted((name for name in best if not name.startswith("ours_")), key=lambda name: best[name])[:peers]
    mine = [name for name in ("ours_sparse", "ours_dense") if name in best]
    figure, (axis,) = plots.panels(4.8, 3.2, 1)
    for name, colour in zip([*mine, *names], COLOURS, strict=False):
        points = [(x, row[key] * scale) for x, own in told for row in own if row["implementation"] == name]
        axis.plot(*_columns(points), color=colour, marker="o", markersize=3, linewidth=1, label=name)
    axis.set(xlabel=labels[0], ylabel=labels[1], xscale="log", yscale="log")
    axis.legend(frameon=False, fontsize="small")
    plots.save_svg(figure, file)
    return True


def limit_shares(limits: dict[str, dict[str, Any]], file: Path) -> bool:
    """The share of the host's limit that each kernel reaches, by case.

    Args:
        limits: by case, what `spikeloom bench step --json` prints.
        file: the picture's.
    """
    if not limits:
        return False
    figure, (axis,) = plots.panels(5.2, 0.6 + 0.22 * sum(len(kernels(one)) for one in limits.values()), 1)
    labels, shares, colours = [], [], []
    for (case, one), colour in zip(limits.items(), COLOURS, strict=False):
        for name, share in kernels(one):
            labels.append(f"{case}: {name}")
            shares.append(100 * share)
            colours.append(colour)
    axis.barh(labels[::-1], shares[::-1], color=colours[::-1])
    axis.axvline(80, color="black", linewidth=0.8, linestyle=":")
    axis.set(xlabel="% of a random gather of weight rows out of L2; dotted: the aim", xlim=(0, 100))
    plots.save_svg(figure, file)
    return True


def kernels(measured: dict[str, Any]) -> list[tuple[str, float]]:
    """Each kernel that moves weight rows, with its share of the limit."""
    limit = measured["limits"]["l2_gather"]
    parts = [part for part in measured["parts"] if part["product"] is not None and part["ms"] > 0]
    words = {"forward": "forward", "dw": "dL/dW", "dx": "dL/dX"}
    return [
        (f"{words[part['product']]}, {part['name'].partition(', ')[2]}", part["bytes"] / part["ms"] / 1e6 / limit)
        for part in parts
    ]


def _ms(rows: Sequence[Row], of: Which) -> float | None:
    row = fastest(rows, of)
    return None if row is None else float(row["median_ms"])


def _points(cases: list[tuple[float, list[Row]]], value: Callable[[list[Row]], float | None]) -> Points:
    found = [(x, value(own)) for x, own in cases]
    return [(x, y) for x, y in found if y is not None]


def _columns(points: Points) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
