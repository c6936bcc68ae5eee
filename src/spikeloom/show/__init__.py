"""A report of a run: what happened, as one HTML page."""

import os
import webbrowser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from spikeloom import gpu
from spikeloom.checks import InputError, require
from spikeloom.data.loader import Loader
from spikeloom.show import collect, page, traces
from spikeloom.show.record import Record, read
from spikeloom.show.summary import Subject
from spikeloom.train import run as runs
from spikeloom.train.budget import Budget
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import Config, TrainingSettings
from spikeloom.train.datasets import loaders
from spikeloom.train.report import Report
from spikeloom.train.session import computing

__all__ = ["write"]

REPORT = "report.html"
SPLITS = ("test", "validation")


def write(
    run: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    data: str | os.PathLike[str] | None = None,
    split: str = "test",
    neurons: Sequence[int] | None = None,
    browse: bool = False,
    report: Report | None = None,
    device: str | None = None,
) -> Path:
    """Write the report of a run: one HTML file that needs nothing else.

    A run that is not finished, or whose data or weights are not at hand, is reported with what there is; the page says
    what is missing.

    Args:
        run: the run's folder.
        out: the file to write; None: report.html in the run's folder.
        data: the folder of the recordings, if not where the run had them.
        split: "test" or "validation".
        neurons: whose membranes to show, in each hidden layer that has them; None: telling ones.
        browse: open the page in a browser.
        report: where progress goes; None: standard output.
        device: where the network computes; None: where it was trained.

    Returns:
        The file.

    Raises:
        InputError: no run, settings that cannot be read, a split or neurons that the run does not have, a GPU that
            cannot be used, or a file that cannot be written.

    Example:
        spikeloom.show.write("runs/digits-20250101-120000")
    """
    require(split in SPLITS, "split", "test or validation", split)
    folder, report = Path(run), report or Report()
    record = read(folder)
    training = record.config.training
    there = training if device is None else replace(training, device=device)
    chosen = None if neurons is None else tuple(neurons)
    subject = _subject(record, split, data, chosen, report, there)
    path = Path(out) if out is not None else folder / REPORT
    _save(path, page.render(subject))
    report.line(f"report     {path}, {path.stat().st_size / 1e6:.1f} MB")
    if browse:
        webbrowser.open(path.resolve().as_uri())
    return path


def _subject(
    record: Record,
    split: str,
    data: str | os.PathLike[str] | None,
    neurons: tuple[int, ...] | None,
    report: Report,
    training: TrainingSettings,
) -> Subject:
    subject = Subject(record, split, data=None if data is None else Path(data), neurons=neurons)
    place = gpu.usable(training.device)
    try:
        model = runs.load(record.folder, str(place))
    except InputError as error:
        return replace(subject, missing=f"There are no weights to look at, so there are no samples here. {error}")
    hidden = record.config.network.hidden
    if neurons is not None:
        traces.check_neurons(neurons, max(hidden, default=0))
    sizes = (model.binning.neurons, *hidden, model.classes)
    try:
        batches = loaders(_config(replace(record.config, training=training), data))
    except InputError as error:
        return replace(subject, sizes=sizes, missing=_without_data(error))
    loader = getattr(batches, split)
    require(loader is not None, "split", "test", split, "the run held nothing out (validation = 0)")
    try:
        with computing(training), Budget(training), report.progress(split, len(loader)) as advance:
            survey = collect.survey(model, loader, advance)
    except InputError as error:
        return replace(subject, sizes=sizes, missing=_without_data(error))
    given = {name: getattr(batches, name) for name in ("train", "validation", "test")}
    samples = {name: len(one.dataset) for name, one in given.items() if one is not None}
    return replace(subject, names=_names(loader, model), survey=survey, sizes=sizes, samples=samples)


def _without_data(error: InputError) -> str:
    return (
        f"The recordings could not be used, so there are no samples here: {error}. "
        "If they have moved, name their folder with the option --data."
    )


def _config(config: Config, data: str | os.PathLike[str] | None) -> Config:
    return config if data is None else replace(config, data=replace(config.data, path=str(data)))


def _names(loader: Loader, model: Classifier) -> tuple[str, ...]:
    """The names of the classes; a data set without such has its labels."""
    names = tuple(str(name) for name in getattr(loader.dataset, "class_names", ()))
    return names if len(names) == model.classes else tuple(str(k) for k in range(model.classes))


def _save(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise InputError(
            f"{path}: expected to write the report here, got {error.strerror}; choose --out FILE"
        ) from error
