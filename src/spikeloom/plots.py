"""Pictures of runs, and of reports: SVG files whose bytes depend on the numbers alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spikeloom.checks import require
from spikeloom.spikes import Spikes

SVG = {"svg.hashsalt": "spikeloom", "svg.fonttype": "none", "font.size": 8.0}
"""Identifiers made from a word and not by chance, and text that stays text."""


def raster(layers: Mapping[str, Spikes], path: Path, *, dt_ms: float, sample: int = 0, title: str = "") -> None:
    """Draw a raster: a panel per layer, time to the right, a dot for each spike of one sample.

    Args:
        layers: spikes by the name of their layer, the input first; all of the same steps and batch.
        path: the picture's file; its ending says the format, as in raster.png.
        dt_ms: length of a time step in milliseconds.
        sample: which sample of the batch.
        title: stands above.

    Raises:
        InputError: no layer, or no such sample.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    require(len(layers) > 0, "layers", "at least one", "none")
    for name, spikes in layers.items():
        require(0 <= sample < spikes.batch, "sample", f"0 to {spikes.batch - 1} in {name}", sample)
    # A figure with its own canvas: pyplot would look for a display and keep the figure.
    figure = Figure(figsize=(8, 1.2 + 1.8 * len(layers)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(layers), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (name, spikes) in zip(axes, layers.items(), strict=True):
        step, neuron = spike_points(spikes, sample)
        axis.scatter(step * dt_ms, neuron, s=4, marker=".", linewidths=0, color="black", rasterized=True)
        active = len(neuron) / max(1, spikes.steps * spikes.neurons)
        axis.set_ylabel(f"{name}\n{spikes.neurons} neurons")
        axis.set_ylim(-0.5, spikes.neurons - 0.5)
        axis.set_title(f"{len(neuron)} spikes, {active:.2%} active", fontsize="small", loc="right")
    axes[-1].set_xlim(0, max(spikes.steps for spikes in layers.values()) * dt_ms)
    axes[-1].set_xlabel("time (ms)")
    if title:
        figure.suptitle(title)
    figure.savefig(path, dpi=150)


def spike_points(spikes: Spikes, sample: int) -> tuple[np.ndarray, np.ndarray]:
    """The step and the neuron of each spike of one sample; what is only near its threshold is left out."""
    start, count = spikes.row_start.numpy(), spikes.spike_count.numpy()
    rows = np.arange(sample * spikes.steps, (sample + 1) * spikes.steps)
    step = np.repeat(np.arange(spikes.steps), count[rows])
    entry = np.arange(len(step)) - np.repeat(np.cumsum(count[rows]) - count[rows], count[rows])
    return step, spikes.ids.numpy()[np.repeat(start[rows], count[rows]) + entry]


def panels(width: float, height: float, count: int) -> tuple[Any, Any]:
    """A figure of a report, and its axes side by side, of one scale upwards.

    Args:
        width: of the figure, in inches.
        height: likewise.
        count: of the axes, at least 1.

    Raises:
        InputError: no panel.
    """
    require(count >= 1, "count", "at least one panel", count)
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(SVG):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save_svg(figure: Any, file: Path) -> None:
    """Write a figure of `panels`: the same numbers make the same bytes.

    Args:
        figure: what is drawn.
        file: the picture's; its folder is made.
    """
    import matplotlib

    file.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(SVG):
        figure.savefig(file, format="svg", metadata={"Date": None})
