"""Membranes over time: neurons with their thresholds and spikes, and the classes of a readout."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

from spikeloom.show.collect import Example
from spikeloom.show.svg import Figure, Plot, Scale, apart, ticks
from spikeloom.show.traces import Trace
from spikeloom.show.words import several, shortened

WIDTH, LEFT, STRIP = 520.0, 50.0, 104.0
DEEPEST = -2.0
"""Membranes below so many thresholds are cut off."""


def draw_neurons(name: str, traces: Sequence[Trace], dt_ms: float) -> Markup:
    """Draw a strip for each neuron: its membrane, both thresholds, and its spikes above.

    Args:
        name: the layer's.
        traces: of its neurons.
        dt_ms: length of a step in milliseconds.
    """
    spikes = ", ".join(f"neuron {one.neuron} with {several(int(one.spikes.sum()), 'spike')}" for one in traces)
    figure = Figure(WIDTH, len(traces) * (STRIP + 34) + 36, f"Membranes in {name}: {spikes}")
    top = 0.0
    for one in traces:
        top += 34
        plot = _strip(figure, one.membrane, one.threshold, top, dt_ms)
        figure.text(LEFT, top - 16, f"neuron {one.neuron}", "title")
        figure.text(WIDTH - 8, top - 16, several(int(one.spikes.sum()), "spike"), anchor="end")
        _thresholds(plot, one)
        with figure.cut(LEFT, top, WIDTH - 8 - LEFT, STRIP):
            plot.curve(_times(one.membrane, dt_ms), one.membrane.tolist(), "curve thin s1")
        marks = [plot.x((t + 0.5) * dt_ms) for t in np.flatnonzero(one.spikes)[:4000]]
        figure.path("".join(f"M{x:.4g},{top - 10:.4g}v7" for x in marks) or f"M{LEFT},{top}", "spike")
        top += STRIP
    _time(figure, top, one.membrane, dt_ms)
    return figure.markup()


def draw_readout(example: Example, output: Float[np.ndarray, "T C"], names: Sequence[str], dt_ms: float) -> Markup:
    """Draw the membranes of all classes of a readout, the label's and the one found in colour.

    Args:
        example: the sample.
        output: the membranes.
        names: of the classes.
        dt_ms: length of a step in milliseconds.
    """
    label, found = example.label, example.predicted
    figure = Figure(WIDTH, 222, f"Readout of sample {example.index}: labelled {names[label]}, found {names[found]}")
    low, high = float(output.min()), float(output.max())
    room = 0.06 * (high - low or 1.0)
    end = len(output) * dt_ms
    plot = Plot(figure, Scale(0, end, LEFT, WIDTH - 78), Scale(low - room, high + room, 184, 12))
    plot.y_axis(ticks(low, high, 4), lambda value: f"{value:g}")
    plot.x_axis(ticks(0, end), lambda ms: f"{ms:g}", "time (ms)")
    others = [k for k in range(output.shape[1]) if k not in (label, found)]
    for k in [*others, *dict.fromkeys((found, label))]:
        kind = "s-right" if k == label else "s-wrong" if k == found else "s-other"
        plot.curve(_times(output, dt_ms), output[:, k].tolist(), f"curve thin {kind}")
    _names(plot, output, names, label, found)
    return figure.markup()


def _names(plot: Plot, output: Float[np.ndarray, "T C"], names: Sequence[str], label: int, found: int) -> None:
    """Names at the ends of the two curves that matter, moved apart where they would touch."""
    wanted = sorted(dict.fromkeys((label, found)), key=lambda k: -float(output[-1, k]))
    places = apart([plot.y(float(output[-1, k])) + 4 for k in wanted])
    for k, at in zip(wanted, places, strict=True):
        plot.figure.text(plot.x.end + 6, at, shortened(names[k], 10), "t-right" if k == label else "t-wrong")


def _strip(figure: Figure, membrane: Float[np.ndarray, "T"], threshold: float, top: float, dt_ms: float) -> Plot:
    # Far below the threshold nothing happens: what lies there is cut off, so that the window can be seen.
    low, high = min(0.0, max(float(membrane.min()), DEEPEST * threshold)), max(float(membrane.max()), threshold)
    room = 0.05 * (high - low or 1.0)
    x = Scale(0, len(membrane) * dt_ms, LEFT, WIDTH - 8)
    plot = Plot(figure, x, Scale(low - room, high + room, top + STRIP, top))
    figure.rect(LEFT, top, x.end - x.start, STRIP, "panel")
    for value in ticks(low, high, 3):
        figure.text(LEFT - 6, plot.y(value) + 3.5, f"{value:g}", anchor="end")
    return plot


def _thresholds(plot: Plot, one: Trace) -> None:
    figure, x = plot.figure, plot.x
    high, low = plot.y(one.threshold), plot.y(max(one.second_threshold, plot.y.low))
    figure.rect(x.start, high, x.end - x.start, low - high, "window")
    figure.line(x.start, high, x.end, high, "threshold")
    if one.second_threshold > plot.y.low:
        figure.line(x.start, low, x.end, low, "second")


def _time(figure: Figure, base: float, membrane: Float[np.ndarray, "T"], dt_ms: float) -> None:
    end = len(membrane) * dt_ms
    plot = Plot(figure, Scale(0, end, LEFT, WIDTH - 8), Scale(0, 1, base, base - 1))
    plot.x_axis(ticks(0, end), lambda ms: f"{ms:g}", "time (ms)")


def _times(values: np.ndarray, dt_ms: float) -> list[float]:
    """The middle of each step."""
    return [(t + 0.5) * dt_ms for t in range(len(values))]
