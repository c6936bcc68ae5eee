"""Time to accuracy: `python -m benchmarks.accuracy --data DIR`.

Seconds of training until a network first has a fixed accuracy on its test samples, for ours and for plain torch: the
same network, starting weights, batches, loss, AdamW and schedule. Accuracy is looked at after each epoch. The seconds
are those of training steps alone: no imports, no compilation (a step comes before that counts for nothing), no loading
or binning of data, no evaluation. Contestants take their epochs in turns.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks import rows
from benchmarks.contestants import Batches, Contestant, contestants
from benchmarks.measure import PAUSE_S, Measured
from benchmarks.rows import Row
from spikeloom import InputError
from spikeloom.bench import host
from spikeloom.checks import require
from spikeloom.train import recipes, settings
from spikeloom.train.config import Config
from spikeloom.train.datasets import loaders

FAMILY = "accuracy"


@dataclass(frozen=True)
class Course:
    """A data set, and the accuracy that counts as learned.

    Args:
        recipe: whose settings.
        folder: of the data, below the one that is given.
        target: share of test samples.
        changes: settings that differ from the recipe's.
    """

    recipe: str
    folder: str
    target: float
    changes: Mapping[str, str]


COURSES = {
    # Of all 1,100 recordings a fifth is tested on.
    "nmnist_small": Course("nmnist", "nmnist_small", 0.90, {"pool": "true", "folds": "5"}),
    # The usual split; LIF neurons, which plain torch has too, and no made-up voices.
    "fsdd": Course(
        "fsdd",
        "fsdd/recordings",
        0.90,
        {"neuron": "lif", "neuron_parameters": "", "learn": "", "voices": "0", "epochs": "20"},
    ),
}


@dataclass
class Outcome:
    """How far a contestant is.

    Args:
        seconds: of training.
        epochs: of training.
        layers: neurons of each layer, from the input to the readout.
        accuracy: after the last.
        activity: of each hidden layer, on the test samples.
    """

    seconds: float = 0.0
    epochs: int = 0
    layers: tuple[int, ...] = ()
    accuracy: float = 0.0
    activity: tuple[float, ...] = ()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write rows; 0, or 2 where there are no data."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="has the folders nmnist_small and fsdd/recordings")
    parser.add_argument("--course", choices=tuple(COURSES), action="append", help="one of them; default: both")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each; default: 3")
    parser.add_argument("--only", help="names of implementations, by commas; default: all")
    parser.add_argument("--out", type=Path, help="the folder of the results")
    options = parser.parse_args(arguments)
    try:
        only = options.only.split(",") if options.only else None
        folder = options.out or (rows.PARTIAL if only else rows.RESULTS)
        for name in options.course or COURSES:
            measured, left_out = measure(name, options.data, options.seeds, only, lambda text: print(text, flush=True))
            rows.write(folder, f"{FAMILY}/{name}", measured, left_out)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def measure(
    name: str, data: Path, seeds: int, only: Sequence[str] | None, tell: Callable[[str], None]
) -> tuple[list[Row], dict[str, str]]:
    """A row for each contestant that gets there with every seed, and why others have none.

    Args:
        name: of the course.
        data: the folder with the course's own.
        seeds: runs of each.
        only: contestants' names; None for all.
        tell: called with what came out.

    Raises:
        InputError: data that are not there, or a name that no contestant has.
    """
    require(seeds >= 1, "seeds", "at least 1", seeds)
    course, date = COURSES[name], rows.now()
    config = settings.override(
        recipes.named(course.recipe), {"path": str(data / course.folder), "validation": "0"} | dict(course.changes)
    )
    runs: list[dict[str, Outcome]] = []
    for seed in range(seeds):
        seeded = replace(config, training=replace(config.training, seed=seed))
        runs.append(host.call_flushed(host.cores(), race, seeded, course.target, only, tell))
    return _rows(name, course, runs, date)


def race(config: Config, target: float, only: Sequence[str] | None, tell: Callable[[str], None]) -> dict[str, Outcome]:
    """Train all contestants until they have the target or the epochs are over; by name, how far each came."""
    found = loaders(config)
    tested: Batches = list(found.test)
    batches: Batches = list(found.train)
    dataset = found.train.dataset
    racing = contestants(config, dataset, batches, only)
    sizes = (batches[0][0].neurons, *config.network.hidden, dataset.classes)
    done = {one.name: Outcome(layers=sizes) for one in racing}
    for epoch in range(1, config.training.epochs + 1):
        for one in racing:
            outcome = done[one.name]
            outcome.seconds += _train(one, batches)
            outcome.epochs = epoch
            outcome.accuracy, outcome.activity = _test(one, tested)
            reached = f"{outcome.accuracy:.1%} after {outcome.seconds:.2f} s"
            tell(f"seed {config.training.seed}, epoch {epoch}, {one.name}: {reached}")
        racing = [one for one in racing if done[one.name].accuracy < target]
        if not racing:
            break
        batches = list(found.train)
    return done


def _train(one: Contestant, batches: Batches) -> float:
    """An epoch; the seconds of its steps."""
    time.sleep(PAUSE_S)
    seconds = 0.0
    for spikes, labels in batches:
        x = one.prepare(spikes)
        start = time.perf_counter()
        one.step(x, labels)
        seconds += time.perf_counter() - start
    return seconds


def _test(one: Contestant, batches: Batches) -> tuple[float, tuple[float, ...]]:
    """The share of samples whose class is found, and the activity of the hidden layers in the last batch."""
    right = count = 0
    activity: list[float] = []
    for spikes, labels in batches:
        classes, activity = one.classify(one.prepare(spikes))
        right += int((classes == labels).sum())
        count += len(labels)
    return right / count, tuple(activity)


def _rows(
    name: str, course: Course, runs: Sequence[Mapping[str, Outcome]], date: str
) -> tuple[list[Row], dict[str, str]]:
    made, left_out = [], {}
    for contestant in runs[0]:
        outcomes = [run[contestant] for run in runs]
        short = [one for one in outcomes if one.accuracy < course.target]
        if short:
            best = f"the best of them at {max(one.accuracy for one in short):.1%}"
            left_out[contestant] = f"{len(short)} of {len(runs)} runs end below {course.target:.0%}, {best}"
            continue
        epochs = ", ".join(str(one.epochs) for one in outcomes)
        note = f"seconds until {course.target:.0%} of the test samples are right, after {epochs} epochs"
        own = Measured("", "bf16" if "bf16" in contestant else "fp32", note, list(outcomes[0].activity))
        own.seconds = [one.seconds for one in outcomes]
        made.append(_row(f"{FAMILY}/{name}", contestant, own, outcomes[0].layers, date))
    return made, left_out


def _row(case: str, contestant: str, own: Measured, layers: Sequence[int], date: str) -> Row:
    low, high = own.quartiles_ms
    return {
        "case": case,
        "implementation": contestant,
        "version": f"torch {torch.__version__}",
        "number_type": own.number_type,
        "layers": list(layers),
        "activity_input": None,
        "activity_hidden": [float(f"{rate:.4g}") for rate in own.activity],
        "median_ms": float(f"{own.median_ms:.4g}"),
        "quartiles_ms": [float(f"{value:.4g}") for value in (low, high)],
        "steps_timed": len(own.seconds),
        "peak_bytes": None,
        "threads": host.cores(),
        "machine": rows.machine(),
        "commit": rows.commit(),
        "date": date,
        "note": own.note,
    }


if __name__ == "__main__":
    sys.exit(main())
