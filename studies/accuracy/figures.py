"""The figures of the report, as small SVG files whose bytes depend on the numbers alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spikeloom import plots
from studies.accuracy import claims
from studies.accuracy import records as read
from studies.accuracy.plan import DENSE, MAIN, WIDTHS, DataSet
from studies.accuracy.records import Record
from studies.accuracy.statistics import PARITY

# Okabe and Ito's colours, which colour-blind readers tell apart too.
COLOURS = ("black", "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#CC79A7", "#D55E00", "#7F7F7F")


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
    figure, (left, right) = plots.panels(8.0, 3.0, 2)
    colours = dict(zip((variant.name for variant in MAIN), COLOURS, strict=True))
    for name, runs in found.items():
        accuracy, seconds = (100 * mean([run.validation for run in runs]), mean([run.seconds for run in runs]))
        label = f"{name} ({len(runs)})"
        left.plot(np.arange(1, len(accuracy) + 1), accuracy, color=colours[name], linewidth=1, label=label)
        right.plot(seconds, accuracy, color=colours[name], linewidth=1)
    left.set(xlabel="epochs", ylabel="validation accuracy, %")
    right.set(xlabel="seconds of training", xscale="log")
    left.legend(fontsize="small", frameon=False, title="variant (runs)", title_fontsize="small")
    plots.save_svg(figure, file)
    return True


def accuracy_by_width(records: Sequence[Record], data: DataSet, file: Path) -> bool:
    """Draw how far test accuracy lies from dense's for each width of the window, with confidence intervals.

    Args and returns as `curves`.
    """
    found = {variant.width: claims.accuracy_difference(records, data.name, variant.name, DENSE) for variant in WIDTHS}
    shown = [(width, one) for width, one in found.items() if one is not None]
    if not shown:
        return False
    figure, (axis,) = plots.panels(4.0, 3.0, 1)
    axis.axhspan(-100 * PARITY, 100 * PARITY, color="#EEEEEE")
    axis.axhline(0, color="black", linewidth=0.8)
    means = [100 * one.mean for _, one in shown]
    errors = [0.0 if one.high is None else 100 * (one.high - one.mean) for _, one in shown]
    axis.errorbar([width for width, _ in shown], means, errors, fmt="o", markersize=4, capsize=3, color=COLOURS[1])
    axis.set(xlabel="second threshold / threshold", ylabel="test accuracy less dense, points")
    plots.save_svg(figure, file)
    return True


def mean(series: Sequence[Sequence[float]]) -> Any:
    """The mean of series element by element, as far as the shortest goes."""
    shortest = min(map(len, series))
    return np.mean([one[:shortest] for one in series], axis=0)
