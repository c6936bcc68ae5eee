"""A trained run, and what a report of random spikes is made of."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recordings import small_config, write_nmnist
from reports import INPUTS, STEPS, batches, lines, network

from spikeloom.show import collect
from spikeloom.show.record import Record
from spikeloom.show.summary import Subject
from spikeloom.train import session
from spikeloom.train.config import Config, DataSettings
from spikeloom.train.report import Report


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nmnist(tmp_path_factory.mktemp("nmnist") / "data")


@pytest.fixture(scope="session")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of four epochs; its files are left as they are."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    session.train(small_config(data, epochs="4"), folder, Report(io.StringIO()))
    return folder


@pytest.fixture
def subject(tmp_path: Path) -> Callable[..., Subject]:
    """Makes what a report is made of, from random spikes: nothing is read from a run."""

    def make(names: tuple[str, ...] = ("a", "b", "c", "d"), recipe: str = "mine", **changes: Any) -> Subject:
        steps = changes.pop("steps", STEPS)
        model = network(len(names), steps, **changes)
        found = collect.survey(model, batches(3, len(names), steps=steps))
        data = DataSettings(dt_ms=2.0, steps=steps)
        config = replace(Config(recipe=recipe, network=model.settings), data=data)
        record = Record(tmp_path, config, lines(), 0)
        sizes = (INPUTS, *model.settings.hidden, len(names))
        return Subject(record, "test", names, found, sizes, {"train": 30, "validation": 5, "test": 15})

    return make
