"""One run of the study, in a process of its own, so that its memory is its own.

Run as `python -m studies.accuracy.worker TASK`, a task as `Task.text` writes it.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from spikeloom.bench import host
from spikeloom.bench.memory import clear_peak, peak_bytes
from spikeloom.checks import InputError
from spikeloom.nn import init
from spikeloom.train import checkpoint, session, settings
from spikeloom.train import run as runs
from spikeloom.train.config import Config
from spikeloom.train.datasets import loaders
from spikeloom.train.loop import trainer_for
from studies.accuracy import plain_torch
from studies.accuracy.plan import PLAIN, Job

STUDY = "study.json"
"""Beside a finished run: what it stands for, and what its process found."""

STOPPED = 130
"""The exit status of a run that Ctrl-C has stopped, as `spikeloom train` has it."""

FEW = 8
"""Samples to warm up on."""

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Task:
    """A run, as a process is told to do it; all but the first four goes into `study.json` as it is.

    Args:
        folder: the run's.
        recipe: that its settings began as.
        given: settings that differ from it.
        layers: `plan.OURS` or `plan.PLAIN`.
        data, variant, stands_for, part, seed: as `plan.Job` has them.
        at_once: how many runs go beside each other.
    """

    folder: str
    recipe: str
    given: dict[str, str]
    layers: str
    data: str
    variant: str
    stands_for: tuple[str, ...]
    part: str
    seed: int
    at_once: int = 1

    @classmethod
    def of(cls, job: Job, folder: Path, at_once: int) -> "Task":
        """The task of a job of the plan."""
        return cls(
            str(folder),
            job.config.recipe,
            job.given,
            job.layers,
            job.data,
            job.variant,
            job.stands_for,
            job.part,
            job.seed,
            at_once,
        )

    @property
    def text(self) -> str:
        """From which `from_text` makes it again."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> "Task":
        """The task that `text` stands for."""
        held = json.loads(text)
        return cls(**held | {"stands_for": tuple(held["stands_for"])})


def do(task: Task) -> int:
    """Do a run, or go on with it; the exit status.

    Raises:
        InputError: as `session.resume`.
    """
    folder, facts = Path(task.folder), machine()
    tested = _is_tested(folder)
    # A run that exists knows where its recordings are.
    given = {key: value for key, value in task.given.items() if key != "path" or not folder.exists()}
    config = settings.override(session.configured(task.recipe), task.given)
    with plain_torch.instead_of_ours() if task.layers == PLAIN else nullcontext():
        if not tested:
            warm_up(config)
        clear_peak()
        before = peak_bytes()
        outcome = session.resume(folder, task.recipe, given)
    if outcome.test is None:
        return STOPPED
    own = {key: value for key, value in asdict(task).items() if key not in ("folder", "recipe", "given")}
    peak = None if tested else {"before_bytes": before, "peak_bytes": peak_bytes()}
    record = own | (peak or {}) | facts | {"load": os.getloadavg()[0]}
    (folder / STUDY).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    # Checkpoints are to go on from, and there is nothing left to do.
    shutil.rmtree(folder / checkpoint.FOLDER, ignore_errors=True)
    return 0


def warm_up(config: Config) -> None:
    """Train a network, which is thrown away, on a few samples.

    No epoch's time then holds compilation, and the libraries that a run needs at any time are in memory.
    """
    import matplotlib.backends.backend_agg  # noqa: F401

    with session.computing(config.training):
        batches = loaders(config).train
        model = runs.classifier(config, batches.dataset.sensor, batches.dataset.classes).train()
        whole, labels = next(iter(batches))
        spikes = whole[:, :FEW]
        if config.training.initial_activity is not None:
            init.scale_to_activity_(model.network, spikes, config.training.initial_activity)
        trainer_for(model, config.training, len(batches)).step(spikes, labels[:FEW], "warm-up")


def machine() -> dict[str, Any]:
    """What results and times depend on beside settings."""
    packages = {name: version(name) for name in ("spikeloom", "torch", "numba", "numpy")}
    return packages | {
        "python": platform.python_version(),
        "processor": host.processor(),
        "cores": host.cores(),
        "commit": _commit(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _commit() -> str:
    """The commit of the sources, with a plus where they have been changed since; "unknown" outside of a repository."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short=10", "HEAD") + ("+" if git("status", "--porcelain", "src", "studies") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _is_tested(folder: Path) -> bool:
    """Whether a run is done already, and only its record is missing."""
    path = folder / runs.METRICS
    return path.exists() and '"split": "test"' in path.read_text(encoding="utf-8")


if __name__ == "__main__":
    try:
        sys.exit(do(Task.from_text(sys.argv[1])))
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
