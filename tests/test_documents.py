"""The Python examples of README.md and of the documents run as they stand; the tables of neurons agree with them."""

import math
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from spikeloom import nn
from spikeloom.data import open_dataset
from spikeloom.neurons import KINDS, Parameter, equations
from spikeloom.nn import Spiking

ROOT = Path(__file__).parents[1]
NEURONS = ROOT / "docs" / "guide" / "neurons.md"
FILES = ("README.md", "docs/data.md", "docs/runs.md", "docs/guide/neurons.md")


def examples() -> list[tuple[str, str]]:
    """File and content of each block of Python."""
    return [
        (name, code)
        for name in FILES
        if (ROOT / name).is_file()
        for code in re.findall(r"^```python\n(.*?)^```$", (ROOT / name).read_text(encoding="utf-8"), re.M | re.S)
    ]


def fit_learns(names: Any, folder: Path) -> None:
    assert names["history"].best.accuracy > 0.5  # of ten classes


def loop_learns(names: Any, folder: Path) -> None:
    membranes, _ = names["net"](names["spikes"])
    now = torch.nn.functional.cross_entropy(membranes.amax(0), names["labels"]).item()
    assert now < math.log(20) / 2  # chance is log 20


def folder_opens(names: Any, folder: Path) -> None:
    recordings = open_dataset("folder", str(folder / "bars"), "all")
    assert (len(recordings), recordings.classes) == (40, 2)
    assert all(len(recordings[index][0]) == 300 for index in (0, 39))


def neurons_keep_bits(names: Any, folder: Path) -> None:
    layers = list(names["net"])
    assert [layer.explain()["keeps"] for layer in layers] == ["bits, window entries"] * 3 + ["nothing"]
    assert names["membranes"].shape == (100, 8, 20)


def layers_go_on(names: Any, folder: Path) -> None:
    layer, first, second = names["layer"], names["first"], names["second"]
    assert layer.explain()["keeps"] == "bits, window entries, every rest"
    assert (first.steps, second.steps, names["state"].late.steps) == (50, 50, 1)
    assert int(first.spike_count.sum()) > 0
    assert layer.value("self_weight").tolist() == [0.0] * 128


def numbers_move_within_their_range(names: Any, folder: Path) -> None:
    layer = names["layer"]
    for name in layer.learned:
        assert len(layer.value(name).unique()) > 1, name
    beta, rho, a = (layer.value(name).detach() for name in ("beta", "rho", "a"))
    assert 0 < float(beta.min()) < float(beta.max()) < 1
    assert bool((a < (1 + beta) * (1 + rho) / ((1 - beta) * (1 - rho))).all())
    assert layer.explain()["keeps"] == "bits, window entries, every membrane, every adaptation"


CHECKS = {
    "CuBaLIF(": neurons_keep_bits,
    "refractory=": layers_go_on,
    "learn=(": numbers_move_within_their_range,
    "train.fit": fit_learns,
    "backward()": loop_learns,
    "sensor.json": folder_opens,
}
"""What each example must have come to, by something that stands in it."""


@pytest.mark.parametrize(("name", "code"), examples())
def test_examples_run(name: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "example"}
    exec(compile(code, name, "exec"), names)
    CHECKS[next(mark for mark in CHECKS if mark in code)](names, tmp_path)


def catalogue() -> dict[str, str]:
    """The sections of the catalogue of neurons that have a table of parameters, by the names of their layers."""
    if not NEURONS.is_file():
        return {}
    parts = re.split(r"^## (\w+)\n", NEURONS.read_text(encoding="utf-8"), flags=re.M)[1:]
    return {name: text for name, text in zip(parts[::2], parts[1::2], strict=True) if "| parameter |" in text}


SECTIONS = catalogue()
here = pytest.mark.skipif(not SECTIONS, reason="the documents are not here")


@here
def test_the_catalogue_has_every_neuron() -> None:
    kinds = [kind for kind in vars(nn).values() if isinstance(kind, type) and issubclass(kind, Spiking)]
    assert SECTIONS.keys() == {kind.__name__ for kind in kinds} - {"Spiking"} | {"LI"}
    for name, make in KINDS.items():
        (section,) = (part for part, text in SECTIONS.items() if re.search(rf"`{name}`: ", text))
        assert getattr(nn, section)(3, 4).neuron.name == make().name


@pytest.mark.parametrize(("name", "text"), SECTIONS.items(), ids=SECTIONS)
def test_the_catalogue_says_what_a_neuron_is(name: str, text: str) -> None:
    """Its equations are those of its file; parameters, ranges, time constants, and what is kept are those it has."""
    neuron = getattr(nn, name)(3, 4).neuron
    step = getattr(neuron.step, "func", neuron.step)
    source = sys.modules[step.__module__].__doc__ or ""
    lines = re.findall(r"^    (.+)$", text.partition("```")[0], re.M)
    assert len(lines) >= 1
    assert all(line in source for line in lines)
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|(.*?)\|(.*?)\|$", text, re.M)
    assert [row[0] for row in rows] == list(neuron.names)
    for parameter, (_, default, span, tau, kept) in zip(neuron.parameters, rows, strict=True):
        assert float(default) == parameter.default
        assert tau.strip() == (f"`{parameter.tau}`" if parameter.tau else "")
        assert_range(span, parameter)
        keeps = equations(neuron, (parameter.name,)).kept
        assert kept.strip() == ", ".join((*neuron.states, "current")[i] for i in keeps)


def assert_range(span: str, parameter: Parameter) -> None:
    """A range in words is a parameter's."""
    if callable(parameter.high):
        low, end = span.split(" to ", 1)
        assert float(low) == parameter.low
        formula = re.sub(r"(?<=[\w)]) (?=[\w(])", " * ", end)
        for values in ({"beta": 0.9, "rho": 0.98}, {"beta": 0.25, "rho": 0.5}):
            assert eval(formula, {}, values) == pytest.approx(parameter.high(values))
        return
    assert RANGES[span] == (parameter.low, parameter.high)


RANGES = {"any": (-math.inf, math.inf), "at least 0": (0.0, math.inf), "0 to 1": (0.0, 1.0)}
