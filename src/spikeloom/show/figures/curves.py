"""A quantity over the epochs of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from spikeloom.show.svg import Figure, Plot, Scale, ticks, whole_ticks

WIDTH, HEIGHT = 520.0, 222.0
DOTS_UP_TO = 40
"""Epochs up to which each has a dot."""


@dataclass(frozen=True)
class Axis:
    """What is drawn upwards.

    Args:
        title: its name, for those who do not see the figure.
        words: a number as text.
        low: where the axis begins; None: at the lowest value.
        high: where the axis ends at most; None: anywhere.
    """

    title: str
    words: Callable[[float], str]
    low: float | None = 0.0
    high: float | None = None


def draw(curves: Mapping[str, list[tuple[int, float]]], axis: Axis, chosen: int | None, epochs: int) -> Markup:
    """Draw one curve or several.

    Args:
        curves: points (epoch, value) by the curve's name; their colours follow this order.
        axis: what is drawn upwards.
        chosen: the epoch to mark; None for none.
        epochs: the last epoch drawn.
    """
    values = [value for points in curves.values() for _, value in points]
    figure = Figure(WIDTH, HEIGHT, _in_words(curves, axis, chosen))
    y = _scale(values, axis)
    plot = Plot(figure, Scale(1, max(epochs, 2), 50, WIDTH - 14), y)
    plot.y_axis(ticks(y.low, y.high), axis.words)
    plot.x_axis(whole_ticks(1, epochs) if epochs > 1 else [1], lambda epoch: str(int(epoch)), "epoch")
    if chosen is not None:
        _mark(plot, chosen)
    for number, (name, points) in enumerate(curves.items(), start=1):
        plot.curve([epoch for epoch, _ in points], [value for _, value in points], f"curve s{number}")
        if len(points) <= DOTS_UP_TO:
            for epoch, value in points:
                figure.dot(plot.x(epoch), y(value), 2.6, f"s{number}", f"{name}, epoch {epoch}: {axis.words(value)}")
    return figure.markup()


def _scale(values: list[float], axis: Axis) -> Scale:
    low = min(values) if axis.low is None else axis.low
    high = max([*values, low])
    span = high - low or abs(high) or 1.0
    top = high + 0.06 * span
    return Scale(low, top if axis.high is None else min(top, axis.high), HEIGHT - 38, 16)


def _mark(plot: Plot, chosen: int) -> None:
    x = plot.x(chosen)
    plot.figure.line(x, plot.y.end - 4, x, plot.y.start, "mark")
    right = x > (plot.x.start + plot.x.end) / 2
    plot.figure.text(
        x + (-5 if right else 5), plot.y.end + 4, f"epoch {chosen}", "note", anchor="end" if right else "start"
    )


def _in_words(curves: Mapping[str, list[tuple[int, float]]], axis: Axis, chosen: int | None) -> str:
    ends = [
        f"{name} from {axis.words(points[0][1])} to {axis.words(points[-1][1])}"
        for name, points in curves.items()
        if points
    ]
    mark = f"; epoch {chosen} is chosen" if chosen is not None else ""
    return f"{axis.title} by epoch: {', '.join(ends)}{mark}"
