"""A small vocabulary of SVG: scales, axes and shapes, coloured by the page's style sheet.

Figures stand inside the page, so that they follow its fonts and its light or dark colours. All text is escaped.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from markupsafe import Markup


@dataclass(frozen=True)
class Scale:
    """A straight map from `low..high` to `start..end` in the figure; `log` maps the numbers' logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, x = (self.low, self.high, value)
        if self.log:
            low, high, x = math.log10(low), math.log10(high), math.log10(value)
        share = (x - low) / (high - low) if high != low else 0.5
        return self.start + share * (self.end - self.start)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, some `about` of them, in steps of 1, 2 or 5 times a power of ten.

    There are at least two, wherever the range lies.
    """
    if not high > low:
        return [low]
    power = 10.0 ** math.ceil(math.log10(high - low))
    for step in (factor * power for factor in (1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 >= max(2, about - 1):
            break
    digits = max(0, 3 - math.floor(math.log10(power)))
    return [round(k * step, digits) for k in range(first, last + 1)]


def whole_ticks(low: int, high: int, about: int = 6) -> list[int]:
    """As `ticks`, whole numbers alone."""
    return sorted({int(tick) for tick in ticks(low, high, about) if tick == int(tick)}) or [low]


@dataclass
class Figure:
    """A drawing of so many units in width and height, about a pixel each on a wide screen.

    Args:
        width: of the drawing.
        height: of the drawing.
        label: what the figure shows, in words, for those who do not see it.
    """

    width: float
    height: float
    label: str
    parts: list[Markup] = field(default_factory=list)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str = "axis") -> None:
        """A straight line."""
        form = '<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>'
        self._add(form, kind, *map(_short, (x1, y1, x2, y2)))

    def rect(
        self, x: float, y: float, width: float, height: float, kind: str, *, opacity: float = 1.0, hint: str = ""
    ) -> None:
        """A filled rectangle; `hint` shows where the pointer rests on it."""
        form = '<rect class="{}" x="{}" y="{}" width="{}" height="{}"{}>{}</rect>'
        faint = Markup(' fill-opacity="{}"').format(_short(opacity)) if opacity < 1 else ""
        self._add(form, kind, *map(_short, (x, y, max(0.0, width), max(0.0, height))), faint, _hint(hint))

    def dot(self, x: float, y: float, radius: float, kind: str, hint: str = "") -> None:
        """A filled circle."""
        form = '<circle class="{}" cx="{}" cy="{}" r="{}">{}</circle>'
        self._add(form, kind, *map(_short, (x, y, radius)), _hint(hint))

    def path(self, d: str, kind: str) -> None:
        """A path in SVG's own notation."""
        self._add('<path class="{}" d="{}"/>', kind, d)

    def curve(self, x: Sequence[float], y: Sequence[float], kind: str) -> None:
        """Points joined by straight lines."""
        if len(x):
            self.path("M" + "L".join(f"{_short(a)},{_short(b)}" for a, b in zip(x, y, strict=True)), kind)

    @contextmanager
    def cut(self, x: float, y: float, width: float, height: float) -> Iterator[None]:
        """While open, what is drawn outside of this rectangle is cut off."""
        form = '<svg x="{0}" y="{1}" width="{2}" height="{3}" viewBox="{0} {1} {2} {3}">'
        self._add(form, *map(_short, (x, y, width, height)))
        yield
        self._add("</svg>")

    def text(
        self, x: float, y: float, text: str, kind: str = "tick", *, anchor: str = "start", upward: bool = False
    ) -> None:
        """A line of text; `anchor` is "start", "middle" or "end"."""
        turned = Markup(' transform="rotate(-90 {} {})"').format(_short(x), _short(y)) if upward else ""
        form = '<text class="{}" x="{}" y="{}" text-anchor="{}"{}>{}</text>'
        self._add(form, kind, _short(x), _short(y), anchor, turned, text)

    def markup(self) -> Markup:
        """The drawing as an element of a page."""
        form = '<svg class="figure" role="img" viewBox="0 0 {} {}" aria-label="{}">{}</svg>'
        inside = Markup("").join(self.parts)
        return Markup(form).format(_short(self.width), _short(self.height), self.label, inside)

    def _add(self, form: str, *values: object) -> None:
        self.parts.append(Markup(form).format(*values))


@dataclass(frozen=True)
class Plot:
    """The frame of a diagram: where its axes stand and how its numbers map to them."""

    figure: Figure
    x: Scale
    y: Scale

    def y_axis(self, values: Iterable[float], words: Callable[[float], str], title: str = "") -> None:
        """Grid lines across, each with its number left of the frame; the title stands above."""
        for value in values:
            self.figure.line(self.x.start, self.y(value), self.x.end, self.y(value), "grid")
            self.figure.text(self.x.start - 6, self.y(value) + 3.5, words(value), anchor="end")
        if title:
            self.figure.text(0, 12, title, "title")

    def x_axis(self, values: Iterable[float], words: Callable[[float], str], title: str = "") -> None:
        """A base line with short marks, each with its number below; the title stands below them at the right."""
        base = self.y.start
        self.figure.line(self.x.start, base, self.x.end, base)
        for value in values:
            self.figure.line(self.x(value), base, self.x(value), base + 4)
            self.figure.text(self.x(value), base + 16, words(value), anchor="middle")
        if title:
            self.figure.text(self.x.end, base + 31, title, anchor="end")

    def curve(self, x: Sequence[float], y: Sequence[float], kind: str) -> None:
        """Points of the plot, joined; thinned out to two a unit of width, by their lowest and highest values."""
        columns = max(1, round(abs(self.x.end - self.x.start)))
        across, up = thinned(np.asarray(x, float), np.asarray(y, float), columns)
        self.figure.curve([self.x(value) for value in across], [self.y(value) for value in up], kind)


def thinned(
    x: Float[np.ndarray, "T"], y: Float[np.ndarray, "T"], columns: int
) -> tuple[Float[np.ndarray, "K"], Float[np.ndarray, "K"]]:
    """A curve with at most two points per column, the lowest and the highest of each, in their order."""
    if len(x) <= 2 * columns:
        return x, y
    kept: list[int] = []
    for part in np.array_split(np.arange(len(x)), columns):
        kept.extend(sorted({int(part[y[part].argmin()]), int(part[y[part].argmax()])}))
    return x[kept], y[kept]


def apart(y: list[float], least: float = 12.0) -> list[float]:
    """The places of one or two names, moved apart where they would touch."""
    if len(y) < 2 or y[1] - y[0] >= least:
        return y
    middle = (y[0] + y[1]) / 2
    return [middle - least / 2, middle + least / 2]


def _hint(text: str) -> Markup | str:
    return Markup("<title>{}</title>").format(text) if text else ""


def _short(number: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{number:.2f}".rstrip("0").rstrip(".") if number else "0"
