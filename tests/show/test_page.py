"""The page: escaped, self-contained, sound HTML, and all that it promises."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from reports import lines

from spikeloom.show import page
from spikeloom.show.collect import Predictions
from spikeloom.show.record import Record
from spikeloom.show.summary import Subject
from spikeloom.train.config import Config

Make = Callable[..., Subject]
VOID = {"meta", "link", "br"}
EVIL = "<script>alert('x')</script>"


class Checked(HTMLParser):
    """Follows which elements are open, and keeps what a test asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.seen if name == tag]


def assert_self_contained(text: str) -> None:
    assert not re.search(r"(?:https?:)?//[a-z0-9]", text)
    assert not re.search(r"@import|url\(", text)
    for _, attributes in Checked(text).seen:
        for name in ("src", "href", "action", "data", "srcset"):
            assert (attributes.get(name) or "#").startswith(("#", "data:"))
        assert not [name for name in attributes if name.startswith("on")]


KINDS = [{}, {"recurrent": True, "max_activity": 0.2}, {"readout": "spikes"}, {"readout": "linear"}, {"hidden": ()}]


@pytest.mark.parametrize("changes", KINDS)
def test_a_page_is_sound_and_needs_nothing_else(subject: Make, changes: dict[str, object]) -> None:
    text = page.render(subject(**changes))
    assert_self_contained(text)
    found = Checked(text)
    assert found.all("script") == []
    assert found.all("html") == [{"lang": "en"}]
    assert len(found.all("h1")) == 1
    assert all(svg.get("aria-label") for svg in found.all("svg") if svg.get("role") == "img")
    assert len(found.all("caption")) == len(found.all("table"))
    assert text.count("<title>mine · ") == 1
    assert not re.search(r"[\s,\"](nan|inf|None)[\s,\"<]", text)


def test_what_a_page_holds(subject: Make) -> None:
    text = page.render(subject())
    for section in ("training", "classes", "samples", "activity", "membranes", "operations", "settings"):
        assert f'<section id="{section}">' in text
        assert f'href="#{section}"' in text
    for word in ("Learning rate", "Loss", "Accuracy", "Confusion matrix", "Layer 1", "Layer 2", "Readout, sample"):
        assert word in text
    assert "spikeloom train " in text
    assert "second_threshold" in text


def test_text_of_others_is_escaped(subject: Make) -> None:
    names = (EVIL, '"><img src=x onerror=alert(1)>', "a & b", "'quoted'")
    made = subject(names, recipe=EVIL)
    text = page.render(made)
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in text
    assert_self_contained(text)


def test_a_run_without_samples_tells_what_there_is(tmp_path: Path) -> None:
    record = Record(tmp_path / "<b>run</b>", Config(recipe="mine"), lines(test=False), 0)
    text = page.render(Subject(record, "test", missing=f"Gone: {EVIL}"))
    assert_self_contained(text)
    assert "Gone: &lt;script" in text
    assert "<b>run" not in text
    assert '<section id="training">' in text
    assert '<section id="classes">' not in text
    assert '<section id="settings">' in text


def test_a_run_before_its_first_epoch(tmp_path: Path) -> None:
    text = page.render(Subject(Record(tmp_path, Config(), [], 0), "test"))
    assert "No epoch of this run is complete" in text
    assert '<section id="training">' not in text


def test_samples_to_show_are_of_the_commonest_confusions(subject: Make) -> None:
    survey = subject().survey
    assert survey is not None
    right, wrong = page.chosen_examples(survey)
    assert len(wrong) == 2
    assert all(one.label == one.predicted for one in right)
    assert all(one.label != one.predicted for one in wrong)
    (label, found, _), *_ = survey.predictions.confused(1)
    assert (wrong[0].label, wrong[0].predicted) == (label, found)
    assert len({one.label for one in wrong}) == 2


def test_many_classes_and_many_steps_stay_below_three_megabytes(subject: Make) -> None:
    names = tuple(f"class number {k}" for k in range(35))
    text = page.render(subject(names, steps=3000, hidden=(256, 128), recurrent=True))
    assert len(text.encode()) < 3_000_000


def test_right_samples_stand_beside_wrong_ones_of_their_class(subject: Make) -> None:
    survey = subject().survey
    assert survey is not None
    first = survey.examples[0]
    kinds = [(0, 0), (1, 1), (2, 2), (2, 1), (2, 1), (3, 1), (3, 1), (3, 1)]
    labels, found = np.array(kinds).T
    made = [replace(first, index=k, label=a, predicted=b) for k, (a, b) in enumerate(kinds)]
    survey = replace(survey, predictions=Predictions(labels, found, 4), examples=[*made[:4], made[5]])
    right, wrong = page.chosen_examples(survey)
    assert [(one.label, one.predicted) for one in wrong] == [(3, 1), (2, 1)]
    # Of class 3 none was found: class 1 stands in, for which it was taken.
    assert [one.label for one in right] == [1, 2]
