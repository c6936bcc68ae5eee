"""The report as one HTML page that needs nothing else: no script, no font, no address outside of it."""

import importlib.metadata
import platform
import shlex
from importlib import resources
from typing import Any

import numpy as np
from markupsafe import Markup

from spikeloom.show import operations, summary, words
from spikeloom.show.collect import Example, Survey
from spikeloom.show.figures import confusion, curves, membrane, raster, rates
from spikeloom.show.record import Line, Record
from spikeloom.show.summary import Subject
from spikeloom.show.traces import Trace, traces
from spikeloom.spikes import Spikes

PACKAGES = ("spikeloom", "torch", "numba", "numpy")


def render(subject: Subject) -> str:
    """The page of a report."""
    from jinja2 import Environment, StrictUndefined

    source = resources.files("spikeloom.show")
    # All text is untrusted: recipes, class names and folders may hold any sign.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((source / "template.html.j2").read_text(encoding="utf-8"))
    style = Markup((source / "style.css").read_text(encoding="utf-8"))
    return template.render(style=style, **_context(subject))


def _context(subject: Subject) -> dict[str, Any]:
    record, survey = subject.record, subject.survey
    return {
        "recipe": record.config.recipe,
        "folder": record.folder.resolve().name,
        "network": summary.network(subject),
        "seed": record.config.training.seed,
        "split": subject.split,
        "capped": record.config.network.max_activity is not None,
        "tiles": summary.tiles(subject),
        "warnings": summary.warnings(subject),
        "curves": _curves(record),
        "settings": summary.settings_table(record.config),
        "repeat": f"spikeloom train {shlex.quote(str(record.folder / 'config.toml'))} --run runs/again",
        "again": _show_command(subject),
        "versions": _versions(),
        "survey": None if survey is None else _survey(subject, survey),
    }


def _show_command(subject: Subject) -> str:
    data = f" --data {shlex.quote(str(subject.data))}" if subject.data else ""
    return f"spikeloom show {shlex.quote(str(subject.record.folder))}{data}"


def _curves(record: Record) -> list[dict[str, Any]]:
    if record.epochs == 0:
        return []
    splits = [split for split in ("train", "validation") if record.of(split)]

    def by_split(name: str) -> dict[str, list[tuple[int, float]]]:
        return {split: [(line.epoch, getattr(line, name)) for line in record.of(split)] for split in splits}

    wanted = [
        ("Loss", by_split("loss"), curves.Axis("loss", lambda x: f"{x:g}")),
        ("Accuracy", by_split("accuracy"), curves.Axis("accuracy", lambda x: f"{100 * x:.4g} %", None, 1.0)),
        ("Activity in training", _activity(record.of("train")), curves.Axis("activity", words.percent)),
    ]
    rate = [(line.epoch, line.learning_rate) for line in record.of("train") if line.learning_rate is not None]
    if rate:
        wanted.append(("Learning rate", {"learning rate": rate}, curves.Axis("learning rate", lambda x: f"{x:g}")))
    return [
        {"title": title, "keys": list(lines), "svg": curves.draw(lines, axis, record.chosen, record.epochs)}
        for title, lines, axis in wanted
    ]


def _activity(lines: list[Line]) -> dict[str, list[tuple[int, float]]]:
    names = dict.fromkeys(name for line in lines for name in line.activity)
    return {name: [(line.epoch, line.activity[name]) for line in lines if name in line.activity] for name in names}


def _survey(subject: Subject, survey: Survey) -> dict[str, Any]:
    dt_ms, names, found = subject.record.config.data.dt_ms, subject.names, survey.predictions
    right, wrong = chosen_examples(survey)
    return {
        "samples": len(found.labels),
        "confusion": confusion.draw(found, names),
        "names": names,
        "matrix": found.confusion.tolist(),
        "confusions": [(names[a], names[b], n, int(found.confusion[a].sum())) for a, b, n in found.confused(5)],
        "wrong": int((found.labels != found.predicted).sum()),
        "rasters": [_raster(example, names, dt_ms) for pair in paired(right, wrong) for example in pair],
        "activity": [_activity_row(name, survey.rates(name), dt_ms) for name in survey.counts],
        "rates": [
            (name, rates.draw(name, survey.rates(name), "d-in" if name == "input" else "d-hid"))
            for name in survey.counts
        ],
        "membranes": _membranes(subject, right, wrong),
        "operations": _operations(survey),
        "counting": operations.COUNTING,
    }


def paired(right: list[Example], wrong: list[Example]) -> list[list[Example]]:
    """Pairs of a right and a wrong sample, then those without a partner."""
    return [[*right[k : k + 1], *wrong[k : k + 1]] for k in range(max(len(right), len(wrong)))]


def chosen_examples(survey: Survey, most: int = 2) -> tuple[list[Example], list[Example]]:
    """Samples to show, right ones and wrong ones, at most so many of each.

    The wrong ones are of the most frequent confusions, of different classes where there are such; the right ones of the
    same classes, so that the two can be compared, or of those they were taken for.
    """
    by_kind = {(example.label, example.predicted): example for example in survey.examples}
    ranked = [by_kind[a, b] for a, b, _ in survey.predictions.confused(len(by_kind)) if (a, b) in by_kind]
    wrong = _of_different_classes(ranked)[:most]
    right: dict[int, Example] = {}
    for one in wrong:
        alike = [by_kind[k, k] for k in (one.label, one.predicted) if (k, k) in by_kind]
        right |= {partner.index: partner for partner in [other for other in alike if other.index not in right][:1]}
    right |= {one.index: one for one in survey.examples if one.label == one.predicted}
    return list(right.values())[:most], wrong


def _of_different_classes(examples: list[Example]) -> list[Example]:
    first = {example.label: example.index for example in reversed(examples)}
    return sorted(examples, key=lambda example: first[example.label] != example.index)


def _raster(example: Example, names: tuple[str, ...], dt_ms: float) -> dict[str, Any]:
    return {
        "index": example.index,
        "right": example.label == example.predicted,
        "label": names[example.label],
        "found": names[example.predicted],
        "svg": raster.draw(example, names, dt_ms),
    }


def _activity_row(name: str, share: np.ndarray, dt_ms: float) -> dict[str, Any]:
    firing = share[share > 0]
    hertz = 1000 / dt_ms
    return {
        "name": name,
        "neurons": len(share),
        "mean": words.activity(float(share.mean())),
        "hertz": f"{share.mean() * hertz:.3g}",
        "median": words.activity(float(np.median(firing))) if len(firing) else "–",
        "busiest": words.activity(float(share.max())),
        "dead": int((share == 0).sum()),
        "dead_share": words.activity(float((share == 0).mean())),
    }


def _membranes(subject: Subject, right: list[Example], wrong: list[Example]) -> dict[str, Any]:
    dt_ms, shown = subject.record.config.data.dt_ms, (right[:1] or wrong[:1])[0]
    hidden = [flow for flow in shown.flows[:-1] if flow.own is not None]
    figures = [(flow.name, traces(flow, subject.neurons)) for flow in hidden]
    drawn = [(name, membrane.draw_neurons(name, found, dt_ms)) for name, found in figures if found]
    readouts = []
    for example in (*right[:1], *wrong[:1]):
        if isinstance(example.output, Spikes):
            svg = membrane.draw_neurons("the readout", _class_neurons(example), dt_ms)
        else:
            svg = membrane.draw_readout(example, example.output[:, 0].detach().numpy(), subject.names, dt_ms)
        readouts.append((f"Readout, sample {example.index}", svg))
    return {"sample": shown.index, "label": subject.names[shown.label], "hidden": drawn, "readouts": readouts}


def _class_neurons(example: Example) -> list[Trace]:
    return traces(example.flows[-1], list(dict.fromkeys((example.label, example.predicted))))


def _operations(survey: Survey) -> dict[str, Any]:
    rows = [
        {
            "name": name if name != list(survey.operations)[-1] else f"{name} (readout)",
            "route": "sparse" if work.sparse else "dense",
            "parts": [_ratio(work.mean(part), work.dense(part)) for part in operations.PARTS],
        }
        for name, work in survey.operations.items()
    ]
    all_work = survey.operations.values()
    total = [
        _ratio(sum(w.mean(part) for w in all_work), sum(w.dense(part) for w in all_work)) for part in operations.PARTS
    ]
    return {"rows": rows, "total": total}


def _ratio(done: float, dense: float) -> dict[str, Any]:
    return {
        "done": words.compact(done),
        "dense": words.compact(dense),
        "share": min(1.0, done / dense) if dense else 0.0,
        "percent": words.activity(done / dense) if dense else "–",
        "times": words.times(dense / done) if done else "–",
    }


def _versions() -> list[tuple[str, str]]:
    known = [(name, importlib.metadata.version(name)) for name in PACKAGES]
    return [*known, ("python", platform.python_version())]
