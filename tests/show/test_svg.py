"""Scales, ticks and shapes; text is escaped."""

import xml.etree.ElementTree as xml

import numpy as np
import pytest

from spikeloom.show.svg import Figure, Plot, Scale, apart, thinned, ticks, whole_ticks


def test_scales_map_ends_to_ends() -> None:
    assert [Scale(0, 4, 10, 90)(x) for x in (0, 1, 4)] == [10, 30, 90]
    assert [Scale(0.01, 1, 0, 100, log=True)(x) for x in (0.01, 0.1, 1)] == pytest.approx([0, 50, 100])
    assert Scale(3, 3, 0, 100)(3) == 50


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 3.4), (-1.4, 2.1), (0.0871, 0.0912), (1, 15), (0, 300), (0, 1e-4), (-2e6, 3e6)]
)
def test_ticks_are_round_few_and_inside(low: float, high: float) -> None:
    for about in (3, 5):
        found = ticks(low, high, about)
        assert max(2, about - 1) <= len(found) <= 3 * about
        assert low - 1e-9 * abs(low) <= found[0]
        assert found[-1] <= high + 1e-9 * abs(high)
        assert all(len(f"{tick:.6g}".replace("-", "").lstrip("0.")) <= 6 for tick in found)


def test_whole_ticks() -> None:
    assert whole_ticks(1, 3) == [1, 2, 3]
    assert whole_ticks(1, 1) == [1]
    assert all(isinstance(tick, int) for tick in whole_ticks(1, 100))


def test_a_thinned_curve_keeps_its_peaks() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=10_000)
    y[4321] = 50.0
    x, kept = thinned(np.arange(10_000.0), y, 400)
    assert len(kept) <= 800
    assert kept.max() == 50.0
    assert kept.min() == y.min()
    assert (np.diff(x) > 0).all()
    same, _ = thinned(np.arange(9.0), y[:9], 5)
    assert len(same) == 9


def test_a_figure_is_sound_xml_and_text_is_escaped() -> None:
    figure = Figure(100, 50, 'a "label" <b>')
    figure.text(1, 2, "<script>alert(1)</script>", anchor="end", upward=True)
    figure.rect(0, 0, 5, -1, "right", opacity=0.5, hint="a < b & c")
    figure.curve([0, 1], [2, 3], "curve")
    with figure.cut(0, 0, 10, 10):
        figure.dot(1, 1, 2, "s1")
    root = xml.fromstring(str(figure.markup()))
    assert root.get("aria-label") == 'a "label" <b>'
    assert [part.tag for part in root.iter()].count("script") == 0
    text = root.find("text")
    assert text is not None
    assert text.text == "<script>alert(1)</script>"
    rect = root.find("rect")
    assert rect is not None
    assert rect.get("height") == "0"


def test_axes_say_their_numbers() -> None:
    figure = Figure(100, 50, "")
    plot = Plot(figure, Scale(0, 10, 20, 90), Scale(0, 1, 40, 10))
    plot.x_axis([0, 10], lambda x: f"{x:g} ms", "time")
    plot.y_axis([0, 1], lambda y: f"{y:g}", "loss")
    said = [part.text for part in xml.fromstring(str(figure.markup())).iter("text")]
    assert said == ["0 ms", "10 ms", "time", "0", "1", "loss"]


def test_names_are_moved_apart_where_they_would_touch() -> None:
    assert apart([10.0, 40.0]) == [10.0, 40.0]
    assert apart([10.0]) == [10.0]
    low, high = apart([10.0, 14.0])
    assert (low + high) / 2 == 12.0
    assert high - low == 12.0
