"""The Python examples of README.md and of the documents run as they stand."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from spikeloom.data import open_dataset

ROOT = Path(__file__).parents[1]
FILES = ("README.md", "docs/data.md", "docs/runs.md")


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


CHECKS = {"train.fit": fit_learns, "backward()": loop_learns, "sensor.json": folder_opens}
"""What each example must have come to, by something that stands in it."""


@pytest.mark.parametrize(("name", "code"), examples())
def test_examples_run(name: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "example"}
    exec(compile(code, name, "exec"), names)
    CHECKS[next(mark for mark in CHECKS if mark in code)](names, tmp_path)
