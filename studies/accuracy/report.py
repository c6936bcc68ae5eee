"""docs/results.md, written from the folders of the study's runs."""

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from spikeloom.checks import require
from spikeloom.train import recipes, settings
from studies.accuracy import claims, figures, tables
from studies.accuracy import records as read
from studies.accuracy.plan import DATA_SETS, DENSE, VARIANTS, WINDOW, DataSet
from studies.accuracy.records import Record
from studies.accuracy.statistics import REACHED

DIVISION = {"path", "pool", "folds", "fold", "hold_out_speaker", "seed", "threads"}
"""Settings in which the runs of a study differ by themselves."""

HEAD = """\
# What sparsity costs

Accuracy and convergence with and without what makes training sparse (Finkbeiner et al. 2024): a gradient window, and a
cap on the neurons that leave a layer in a step. `make study` does the runs and writes this page;
`make study ARGS=--report-only` writes it anew from the runs there are.
"""

HOW = f"""\
## How it is measured

* A run is a training as `spikeloom train` does it, all its settings those of the recipe but for what the variant
  changes; nothing was tuned for a variant. The epoch is chosen on validation, the test samples are looked at once.
* **Test accuracy**: mean of the means of folds or speakers, ± the standard deviation over all runs.
* **Less dense**: the mean of paired differences (same fold or speaker, same seed), with its 95 % confidence interval.
  Seeds of one fold are averaged first, since they share its samples; the interval is Student's t over the folds or
  speakers. *Parity*: no more than 1 point apart on average.
* **Active hidden**: the share of neurons and steps that spike, on the test samples, layer by layer.
* **Samples/s** and **peak MB**: the median over runs; memory is what the process takes at its peak beyond what it has
  before the run, when libraries and kernels are loaded.
* **To target**: until validation first reaches {REACHED:.0%} of what the dense run of the same fold and seed has after
  its last epoch; seconds are those of training, without validation. *No slower*: no more than one epoch later on
  average, and no run that never reaches it.
"""

NOT_COVERED = """\
Not part of the study: the full N-MNIST, SHD and DVS Gesture sets, settings tuned for each variant, and more than one
seed in plain torch.
"""


def write(runs: Path, document: Path) -> None:
    """Write the report, and its figures into a folder beside it that has its name.

    Args:
        runs: the folder of the run folders.
        document: the report's file.

    Raises:
        InputError: no finished run, or one whose files cannot be used.
    """
    records = read.read_all(runs)
    require(len(records) > 0, str(runs), "at least one finished run of the study", "none", "run make study")
    sections = [HEAD, machine(records), HOW]
    known = {data.name: data for data in DATA_SETS}
    for name in dict.fromkeys(record.data for record in records):
        data = known.get(name) or _unknown(records, name)
        sections.append(section(records, data, document))
    sections.append("## What was not run\n\n" + not_run(records) + "\n" + NOT_COVERED)
    document.parent.mkdir(parents=True, exist_ok=True)
    document.write_text("\n".join(sections), encoding="utf-8")


def section(records: Sequence[Record], data: DataSet, document: Path) -> str:
    """What there is to say of a data set."""
    own = [record for record in records if record.data == data.name]
    parts = [
        f"## {data.name}\n",
        f"{_network(own)}\n",
        f"* {claims.accuracy(own, data)}",
        f"* {claims.convergence(own, data)}",
        f"* {claims.plain_torch(own, data)}\n",
        tables.main(own, data) + "\n",
        "The window's width, and annealing (opened over the first training steps) on and off:\n",
        tables.widths(own, data) + "\n",
    ]
    folder = document.with_suffix("")
    for title, draw, stem in (
        ("Validation accuracy against epochs and seconds of training", figures.curves, "curves"),
        ("Test accuracy less dense's against the window's width", figures.accuracy_by_width, "width"),
    ):
        file = folder / f"{stem}-{data.name}.svg"
        if draw(own, data, file):
            parts.append(f"![{title}]({folder.name}/{file.name})\n")
    return "\n".join(parts)


def machine(records: Sequence[Record]) -> str:
    """Where, when and with what the runs were done."""

    def all_of(name: str) -> str:
        return _in_words(record.facts.get(name, "unknown") for record in records)

    commits = sorted((record.facts["date"], record.facts["commit"]) for record in records)
    dates = _in_words([commits[0][0], commits[-1][0]], " to ")
    named = list(dict.fromkeys(commit for _, commit in commits))
    which = f"commit {named[0]}" if len(named) == 1 else f"{len(named)} commits from {named[0]} to {named[-1]}"
    loads = [record.facts["load"] for record in records]
    busy = f"load {min(loads):.1f} to {max(loads):.1f}"
    changed = " (+: with changes that are not committed)" if any(commit.endswith("+") for commit in named) else ""
    return (
        f"{len(records)} finished runs, {dates}, {which}{changed}.\n"
        f"{all_of('processor')}, {all_of('cores')} cores; Python {all_of('python')}, torch {all_of('torch')}, "
        f"numba {all_of('numba')}, numpy {all_of('numpy')}.\n"
        f"Runs beside each other: {all_of('at_once')}; threads of each: {_setting(records, 'training', 'threads')}; "
        f"{busy} when they ended.\nAbove the number of cores, seconds and samples/s are those of a busy machine.\n"
    )


def not_run(records: Sequence[Record], data_sets: Sequence[DataSet] = DATA_SETS) -> str:
    """By data set, the variants of which runs are missing."""
    lines = []
    for data in data_sets:
        missing = []
        for variant in VARIANTS:
            found, wanted = len(read.of(records, data.name, variant.name)), len(data.parts) * len(variant.seeds)
            if found < wanted:
                missing.append(f"{variant.name} ({found} of {wanted} runs)")
        nothing = not any(record.data == data.name for record in records)
        words = "nothing of it was run" if nothing else ", ".join(missing) or "everything planned was run"
        lines.append(f"* {data.name}: {words}.")
    return "\n".join(lines) + "\n"


def _network(records: Sequence[Record]) -> str:
    """The base network and training of a data set, from the settings of its runs."""
    network, steps = records[0].settings["network"], records[0].settings["data"]
    hidden = " and ".join(map(str, network["hidden"]))
    return (
        f"Recipe {records[0].settings['recipe']}: hidden layers of {hidden} neurons, {steps['steps']} steps of "
        f"{steps['dt_ms']:g} ms, {_setting(records, 'training', 'epochs')} epochs. All variants are compared with "
        f"`{DENSE}`.{_unlike_the_recipe(records)}"
    )


def _unlike_the_recipe(records: Sequence[Record]) -> str:
    """In what the base runs differ from the recipe as it is now, and as `spikeloom train` takes it."""
    base = [record for record in records if WINDOW in record.stands_for][:1]
    name = records[0].settings["recipe"]
    if not base or name not in recipes.names():
        return ""
    now, then = tomllib.loads(settings.to_toml(recipes.named(name))), base[0].settings
    differ = [
        f"{key} {then[section][key]} (now {now[section][key]})"
        for section in ("data", "network", "training")
        for key in now[section]
        if key not in DIVISION and key in then[section] and then[section][key] != now[section][key]
    ]
    if not differ:
        return ""
    return f" These runs are not of the recipe as it is now: {', '.join(differ)}."


def _setting(records: Sequence[Record], section: str, key: str) -> str:
    return _in_words(record.settings[section][key] for record in records)


def _in_words(found: Iterable[Any], between: str = " or ") -> str:
    """Each value once."""
    return between.join(dict.fromkeys(str(value) for value in found))


def _unknown(records: Sequence[Record], name: str) -> DataSet:
    """A data set that the plan does not have, as its runs show it."""
    own = [record for record in records if record.data == name]
    return DataSet(name, own[0].settings["recipe"], "part", {record.part: {} for record in own})
