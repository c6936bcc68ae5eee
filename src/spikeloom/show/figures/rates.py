"""How often the neurons of a layer spike: a histogram on a logarithmic axis, with silent neurons by themselves."""

import math

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

from spikeloom.show.svg import Figure, Plot, Scale, ticks
from spikeloom.show.words import activity, compact, percent, several

WIDTH, HEIGHT = 344.0, 216.0
NEVER = (38.0, 58.0)
"""Where the bar of those that never spiked stands."""
PER_DECADE = 5


def draw(name: str, rates: Float[np.ndarray, "N"], kind: str) -> Markup:
    """Draw the histogram of a layer.

    Args:
        name: the layer's.
        rates: the share of steps at which each neuron spiked, from 0 to 1.
        kind: the class of its bars in the style sheet.
    """
    silent, edges, counts = histogram(rates)
    figure = Figure(WIDTH, HEIGHT, _in_words(name, rates))
    x = Scale(edges[0], edges[-1], 90, WIDTH - 14, log=True)
    y = Scale(0, max(1, silent, int(counts.max(initial=0))) * 1.08, HEIGHT - 38, 16)
    plot = Plot(figure, x, y)
    marks = [tick for tick in ticks(0, y.high, 4) if tick == int(tick)]
    for value in marks:
        figure.line(32, y(value), x.end, y(value), "grid")
        figure.text(26, y(value) + 3.5, compact(value), anchor="end")
    _bar(plot, *NEVER, silent, "dead", f"{several(silent, 'neuron')} never spiked")
    figure.text(sum(NEVER) / 2, y.start + 16, "never", anchor="middle")
    figure.line(32, y.start, NEVER[1] + 6, y.start)
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        hint = f"{several(int(count), 'neuron')} at {activity(low)} to {activity(high)} of the steps"
        _bar(plot, x(low) + 0.75, x(high) - 0.75, int(count), kind, hint)
    decades = [10.0**k for k in range(round(math.log10(edges[0])), 1)]
    plot.x_axis(decades, lambda share: f"{100 * share:g}", "% of steps with a spike")
    if (rates > 0).any():
        _median(plot, float(np.median(rates[rates > 0])))
    return figure.markup()


def histogram(rates: Float[np.ndarray, "N"]) -> tuple[int, list[float], np.ndarray]:
    """How many neurons never spiked; the edges of bins, five to a power of ten; how many of the others lie in each."""
    firing = rates[rates > 0]
    lowest = math.floor(math.log10(float(firing.min())) + 1e-9) if len(firing) else -3
    lowest = max(-8, min(lowest, -2))
    edges = [10.0 ** (lowest + k / PER_DECADE) for k in range(-lowest * PER_DECADE + 1)]
    place = np.floor((np.log10(np.maximum(firing, edges[0])) - lowest) * PER_DECADE + 1e-9).astype(int)
    counts = np.bincount(np.clip(place, 0, len(edges) - 2), minlength=len(edges) - 1)
    return int((rates == 0).sum()), edges, counts


def _bar(plot: Plot, left: float, right: float, count: int, kind: str, hint: str) -> None:
    if count:
        height = max(1.0, plot.y.start - plot.y(count))
        plot.figure.rect(left, plot.y.start - height, right - left, height, kind, hint=hint)


def _median(plot: Plot, median: float) -> None:
    x = plot.x(median)
    plot.figure.line(x, plot.y.end - 2, x, plot.y.start, "mark")
    right = x > (plot.x.start + plot.x.end) / 2
    said = f"median {activity(median)}"
    plot.figure.text(x + (-5 if right else 5), plot.y.end + 4, said, "note", anchor="end" if right else "start")


def _in_words(name: str, rates: Float[np.ndarray, "N"]) -> str:
    firing = rates[rates > 0]
    middle = f"the median of the others is {activity(float(np.median(firing)))} of the steps" if len(firing) else ""
    silent = len(rates) - len(firing)
    return f"Rates in {name}: {silent} of {len(rates)} neurons ({percent(silent / len(rates))}) never spiked; {middle}"
