"""The figures of the report, as small SVG files whose bytes depend on the numbers alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from studies.accuracy import claims
from studies.accuracy import records as read
from studies.accuracy.plan import DENSE, MAIN, WIDTHS, DataSet
from studies.accuracy.records import Record
from studies.accuracy.statistics import PARITY

# Okabe and Ito's colours, which colour-blind readers tell apart too.
COLOURS = ("black", "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#CC79A7", "#D55E00", "#7F7F7F")
SETTINGS = {"svg.hashsalt": "spikeloom", "svg.fonttype": "none", "font.size": 8.0}


def curves(records: Sequence[Record], data: DataSet, file: Path) -> bool:
    """Draw validation accuracy against epochs and against seconds of training, means over runs.

    Args:
        records: all runs.
        data: whose to draw.
        file: the picture's.

    Returns:
        Whether there was anything to draw; else there is no file.
    """
    found = {variant.name: read.of(records, data.name, variant.name) for variant in MAIN}
    # Variants that share their runs would hide each other.
    found = {name: runs for name, runs in found.items() if runs and runs[0].stands_for[0] == name}
    if not found:
        return False
    figure, (left, right) = _figure(8.0, 3.0, panels=2)
    colours = dict(zip((variant.name for variant in MAIN), COLOURS, strict=True))
    for name, runs in found.items():
        accuracy, seconds = (100 * mean([run.validation for run in runs]), mean([run.seconds for run in runs]))
        label = f"{name} ({len(runs)})"
        left.plot(np.arange(1, len(accuracy) + 1), accuracy, color=colours[name], linewidth=1, label=label)
        right.plot(seconds, accuracy, color=colours[name], linewidth=1)
    left.set(xlabel="epochs", ylabel="validation accuracy, %")
    right.set(xlabel="seconds of training", xscale="log")
    left.legend(fontsize="small", frameon=False, title="variant (runs)", title_fontsize="small")
    _save(figure, file)
    return True


def accuracy_by_width(records: Sequence[Record], data: DataSet, file: Path) -> bool:
    """Draw how far test accuracy lies from dense's for each width of the window, with confidence intervals.

    Args and returns as `curves`.
    """
    found = {variant.width: claims.accuracy_difference(records, data.name, variant.name, DENSE) for variant in WIDTHS}
    shown = [(width, one) for width, one in found.items() if one is not None]
    if not shown:
        return False
    figure, (axis,) = _figure(4.0, 3.0, panels=1)
    axis.axhspan(-100 * PARITY, 100 * PARITY, color="#EEEEEE")
    axis.axhline(0, color="black", linewidth=0.8)
    means = [100 * one.mean for _, one in shown]
    errors = [0.0 if one.high is None else 100 * (one.high - one.mean) for _, one in shown]
    axis.errorbar([width for width, _ in shown], means, errors, fmt="o", markersize=4, capsize=3, color=COLOURS[1])
    axis.set(xlabel="second threshold / threshold", ylabel="test accuracy less dense, points")
    _save(figure, file)
    return True


def mean(series: Sequence[Sequence[float]]) -> Any:
    """The mean of series element by element, as far as the shortest goes."""
    shortest = min(map(len, series))
    return np.mean([one[:shortest] for one in series], axis=0)


def _figure(width: float, height: float, panels: int) -> tuple[Any, Any]:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(1, panels, sharey=True, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Any, file: Path) -> None:
    import matplotlib

    file.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(SETTINGS):
        figure.savefig(file, format="svg", metadata={"Date": None})
