"""The confusion matrix: its numbers, for few classes and for many."""

import xml.etree.ElementTree as xml

import numpy as np

from spikeloom.show.collect import Predictions
from spikeloom.show.figures import confusion


def test_each_cell_has_its_number_and_says_what_it_is() -> None:
    found = Predictions(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 0]), 2)
    root = xml.fromstring(str(confusion.draw(found, ("cat", "dog"))))
    hints = [hint.text for hint in root.iter("title")]
    assert hints == [
        "cat found to be cat: 2 of 3",
        "cat found to be dog: 1 of 3",
        "dog found to be cat: 1 of 2",
        "dog found to be dog: 1 of 2",
    ]
    numbers = [text.text for text in root.findall("text") if text.get("text-anchor") == "middle"]
    assert [text for text in numbers if text and text.isdigit()] == ["2", "1", "1", "1"]
    assert "60.0" in root.get("aria-label", "")


def test_many_classes_with_long_names_stay_inside_the_figure() -> None:
    chance = np.random.default_rng(0)
    names = tuple(f"a rather long class name {k}" for k in range(35))
    found = Predictions(chance.integers(35, size=500), chance.integers(35, size=500), 35)
    root = xml.fromstring(str(confusion.draw(found, names)))
    _, _, width, height = map(float, root.get("viewBox", "").split())
    for rect in root.findall("rect"):
        x, y, w, h = (float(rect.get(key, "")) for key in ("x", "y", "width", "height"))
        assert x >= 0
        assert x + w <= width
        assert y >= 0
        assert y + h <= height


def test_a_class_without_samples() -> None:
    found = Predictions(np.array([0]), np.array([0]), 3)
    assert "no sample" in confusion.draw(found, ("a", "b", "c"))
