"""The raster of a sample: a panel per layer, and the class that leads the readout at each step."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Int
from markupsafe import Markup

from spikeloom.plots import spike_points
from spikeloom.show.collect import Example
from spikeloom.show.svg import Figure, Plot, Scale, apart, ticks
from spikeloom.show.words import activity, shortened
from spikeloom.spikes import Spikes

WIDTH, LEFT, RIGHT = 520.0, 50.0, 8.0
MOST_RUNS = 8000
"""Of a panel; where there are more, dots are drawn on a coarser grid."""


def draw(example: Example, names: Sequence[str], dt_ms: float) -> Markup:
    """Draw the raster of a sample.

    Args:
        example: the sample.
        names: of the classes.
        dt_ms: length of a step in milliseconds.
    """
    panels = [("input", example.flows[0].x)]
    panels += [(flow.name, flow.own) for flow in example.flows if flow.own is not None]
    heights = [130.0 if name == "input" else 92.0 for name, _ in panels]
    leading = _winner_height(len(names))
    figure = Figure(WIDTH, sum(height + 24 for height in heights) + leading + 62, _in_words(example, panels, names))
    end, top = example.flows[0].x.steps * dt_ms, 0.0
    x = Scale(0, end, LEFT, WIDTH - RIGHT)
    for (name, spikes), height in zip(panels, heights, strict=True):
        top += 18
        figure.text(LEFT, top - 5, name, "title")
        said = f"{spikes.neurons:,} neurons, {activity(spikes.activity)} active"
        figure.text(WIDTH - RIGHT, top - 5, said, anchor="end")
        figure.rect(LEFT, top, x.end - x.start, height, "panel")
        figure.text(LEFT - 6, top + 9, str(spikes.neurons - 1), anchor="end")
        figure.text(LEFT - 6, top + height, "0", anchor="end")
        figure.path(dots(spikes, LEFT, top, x.end - x.start, height), f"dots {'d-in' if name == 'input' else 'd-hid'}")
        top += height + 6
    top += 18
    figure.text(LEFT, top - 5, "readout: class in the lead at each step", "title")
    _winners(figure, example, names, x, top, leading, dt_ms)
    plot = Plot(figure, x, Scale(0, 1, top + leading, top))
    plot.x_axis(ticks(0, end), lambda ms: f"{ms:g}", "time (ms)")
    return figure.markup()


def dots(spikes: Spikes, left: float, top: float, width: float, height: float) -> str:
    """The path of all spikes of a sample, a dash for each run of dots side by side.

    Dots lie on a grid of the drawing's own size, so that a path is short however many spikes there are.
    """
    step, neuron = spike_points(spikes, 0)
    for grid in (1.0, 2.0, 3.0, 4.0):
        columns, rows = int(width / grid), int(height / grid)
        # A step or neuron wider than the grid is drawn at its middle, as it lies in the panel.
        column = np.floor((step + 0.5) / max(1, spikes.steps) * columns).astype(np.int64)
        row = np.floor((spikes.neurons - neuron - 0.5) / spikes.neurons * rows).astype(np.int64)
        cells = np.unique(row * (columns + 2) + column)
        starts = np.flatnonzero(np.diff(cells, prepend=-9) > 1)
        if len(starts) <= MOST_RUNS:
            break
    lengths = np.diff(np.append(starts, len(cells)))
    # What is only a unit wide is hard to see where there are few steps and neurons.
    least = max(1.6, min(4.0, 0.8 * width / max(1, spikes.steps)))
    pieces = [
        f"M{left + place % (columns + 2) * grid:.4g},{top + (place // (columns + 2) + 0.5) * grid:.4g}"
        f"h{max(least, length * grid):.3g}"
        for place, length in zip(cells[starts].tolist(), lengths.tolist(), strict=True)
    ]
    return "".join(pieces) or f"M{left},{top}"


def winners(example: Example) -> tuple[Int[np.ndarray, "T"], Bool[np.ndarray, "T"]]:
    """The class that leads the output at each step, and whether there is one: where several are equal there is none.

    The lead of spiking class neurons is by the spikes up to the step.
    """
    output = example.output
    values = output.dense().cumsum(0)[:, 0] if isinstance(output, Spikes) else output[:, 0]  # [T, C]
    values = values.detach()
    best, second = values.topk(min(2, values.shape[1]), dim=1).values.T[[0, -1]]
    alone = best > second if values.shape[1] > 1 else torch.ones(len(values), dtype=torch.bool)
    return values.argmax(1).numpy(), alone.numpy()


def _winner_height(classes: int) -> float:
    return min(150.0, max(60.0, 9.0 * classes))


def _winners(
    figure: Figure, example: Example, names: Sequence[str], x: Scale, top: float, height: float, dt_ms: float
) -> None:
    lead, alone = winners(example)
    band = height / len(names)
    figure.rect(x.start, top, x.end - x.start, height, "panel")
    known = sorted({example.label, example.predicted})
    for k, y in zip(known, apart([top + (k + 0.5) * band + 3.5 for k in known]), strict=True):
        figure.rect(
            x.start, top + k * band, x.end - x.start, band, "right" if k == example.label else "wrong", opacity=0.13
        )
        figure.text(x.start - 6, y, shortened(names[k], 7), anchor="end")
    changes = np.flatnonzero(np.diff(np.where(alone, lead, -1), prepend=-2, append=-2))
    for first, last in pairwise(changes.tolist()):
        if alone[first]:
            k = int(lead[first])
            kind = "right" if k == example.label else "wrong" if k == example.predicted else "other"
            start, end = x(first * dt_ms), x(last * dt_ms)
            figure.rect(start, top + k * band + 0.1 * band, end - start, 0.8 * band, kind, hint=names[k])


def _in_words(example: Example, panels: Sequence[tuple[str, Spikes]], names: Sequence[str]) -> str:
    active = ", ".join(f"{name} {activity(spikes.activity)}" for name, spikes in panels)
    found = names[example.predicted]
    return (
        f"Raster of sample {example.index}, labelled {names[example.label]}, found to be {found}; activity: {active}; "
        "below, the class that leads the readout at each step"
    )
