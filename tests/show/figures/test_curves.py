"""Curves over epochs: dots at their places, the chosen epoch marked."""

import re
import xml.etree.ElementTree as xml

import pytest

from spikeloom.show.figures import curves

AXIS = curves.Axis("loss", lambda x: f"{x:g}")


def drawn(points: list[tuple[int, float]], chosen: int | None = None, axis: curves.Axis = AXIS) -> xml.Element:
    return xml.fromstring(str(curves.draw({"train": points}, axis, chosen, max(epoch for epoch, _ in points))))


def test_dots_stand_in_order() -> None:
    dots = drawn([(1, 2.0), (2, 1.0), (3, 0.5)]).findall("circle")
    x, y = ([float(dot.get(key, "")) for dot in dots] for key in ("cx", "cy"))
    assert x == sorted(x)
    assert y == sorted(y)
    assert (y[1] - y[0]) / (y[2] - y[1]) == pytest.approx(2, rel=0.01)
    assert dots[0][0].text == "train, epoch 1: 2"


def test_the_chosen_epoch_is_marked() -> None:
    root = drawn([(1, 2.0), (2, 1.0)], chosen=2)
    assert "epoch 2 is chosen" in root.get("aria-label", "")
    marks = [line for line in root.findall("line") if line.get("class") == "mark"]
    assert [line.get("x1") for line in marks] == [root.findall("circle")[1].get("cx")]


@pytest.mark.parametrize("points", [[(1, 0.0)], [(1, 3.0), (2, 3.0)], [(k, 1e-7 * k) for k in range(1, 500)]])
def test_runs_of_any_length_have_finite_numbers(points: list[tuple[int, float]]) -> None:
    text = xml.tostring(drawn(points, 1), encoding="unicode")
    assert not re.search(r"nan|inf\b", text)


def test_a_share_does_not_go_beyond_its_end() -> None:
    axis = curves.Axis("accuracy", lambda x: f"{100 * x:g} %", None, 1.0)
    said = [text.text or "" for text in drawn([(1, 0.5), (2, 1.0)], None, axis).findall("text")]
    numbers = [float(text.removesuffix(" %")) for text in said if text.endswith("%")]
    assert max(numbers) == 100
