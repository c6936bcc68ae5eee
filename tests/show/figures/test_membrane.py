"""Membrane figures: thresholds where they belong, long traces that stay small."""

import xml.etree.ElementTree as xml

import numpy as np
import pytest

from spikeloom.show.figures import membrane
from spikeloom.show.traces import Trace


def trace(steps: int = 50, second: float = 0.9) -> Trace:
    values = np.sin(np.arange(steps) / 3) * 1.2
    return Trace(7, values, values >= 1.0, 1.0, second)


def lines(root: xml.Element, kind: str) -> list[xml.Element]:
    return [line for line in root.iter("line") if line.get("class") == kind]


def test_both_thresholds_stand_below_each_other() -> None:
    root = xml.fromstring(str(membrane.draw_neurons("layer 1", [trace()], 2.0)))
    (first,), (second,) = lines(root, "threshold"), lines(root, "second")
    assert float(first.get("y1", "")) < float(second.get("y1", ""))
    assert f"neuron 7 with {int(trace().spikes.sum())} spikes" in root.get("aria-label", "")


def test_a_window_without_an_end_has_no_line() -> None:
    root = xml.fromstring(str(membrane.draw_neurons("layer 1", [trace(second=-np.inf)], 2.0)))
    assert lines(root, "second") == []
    assert "inf" not in xml.tostring(root, encoding="unicode")


@pytest.mark.parametrize("steps", [1, 10_000])
def test_of_any_length(steps: int) -> None:
    drawn = str(membrane.draw_neurons("layer 1", [trace(steps)], 1.0))
    assert len(drawn) < 60_000
    xml.fromstring(drawn)
