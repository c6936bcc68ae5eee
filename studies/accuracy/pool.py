"""Runs beside each other, each in its own process; finished ones are left alone, broken-off ones taken up."""

import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikeloom.checks import InputError, require
from spikeloom.train import run as runs
from studies.accuracy.plan import Job, differences
from studies.accuracy.worker import ROOT, STOPPED, STUDY, Task

LOGS = "logs"
LOOK_EVERY_S = 0.1

Say = Callable[[str], None]


@dataclass
class Pool:
    """The runs of a study under way.

    Args:
        folder: of all run folders.
        at_once: how many runs go beside each other.
        say: takes a line for each run that ends.
        minutes: after so many no run is begun; None: all are.
        failed: names of runs that ended with an error.
    """

    folder: Path
    at_once: int
    say: Say
    minutes: float | None = None
    failed: list[str] = field(default_factory=list)

    def run(self, jobs: Sequence[Job]) -> bool:
        """Do what is not done yet.

        Ctrl-C stops all runs at their next training step; they can be gone on with.

        Returns:
            Whether all runs are finished.

        Raises:
            InputError: a run that was begun with other settings, naming them.
        """
        for job in jobs:
            self._require_same(job)
        waiting = [job for job in jobs if not self._is_finished(job)]
        done, total, started = len(jobs) - len(waiting), len(jobs), time.monotonic()
        self.say(f"{done} of {total} runs are finished already")
        running: dict[str, _Process] = {}
        with self._stopping(running), progress(total, done) as advance:
            while waiting or running:
                if self.minutes is not None and time.monotonic() - started >= 60 * self.minutes:
                    waiting.clear()
                while waiting and len(running) < self.at_once:
                    job = waiting.pop(0)
                    running[job.name] = _Process(job, self.folder, self.at_once)
                time.sleep(LOOK_EVERY_S)
                for name, process in list(running.items()):
                    if process.has_ended():
                        del running[name]
                        advance(self._ended(process))
        return all(self._is_finished(job) for job in jobs)

    def _is_finished(self, job: Job) -> bool:
        return (self.folder / job.name / STUDY).is_file()

    def _require_same(self, job: Job) -> None:
        """Raise where a run was begun with other settings than the plan's."""
        file = self.folder / job.name / runs.CONFIG
        if file.exists():
            changed = differences(_held(file), job.config)
            remedy = "choose another folder by --runs, or delete the run to do it anew"
            require(not changed, str(file.parent), "the settings of the plan", "; ".join(changed), remedy)

    def _ended(self, process: "_Process") -> str:
        """What there is to say of a run that has ended."""
        name, status, took = process.job.name, process.status, f"{process.seconds:.0f} s"
        if status in (STOPPED, -signal.SIGINT):
            return f"{name}: stopped, to go on with next time"
        if status == 0:
            return f"{name}: {process.last_line('test accuracy')} in {took}"
        self.failed.append(name)
        return f"{name}: failed after {took}: {process.last_line()} (all of it in {process.log})"

    @contextmanager
    def _stopping(self, running: dict[str, "_Process"]) -> Iterator[None]:
        """Leave no run behind: on Ctrl-C, and on errors, all are stopped and waited for."""
        try:
            yield
        except BaseException:
            for process in running.values():
                process.stop()
            for process in running.values():
                process.wait()
                self.say(self._ended(process))
            raise


def _held(file: Path) -> dict[str, Any]:
    """The settings that a run was begun with."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: expected settings, got {error}; delete {file.parent}, to run it anew") from error


class _Process:
    """A run in its process, whose output goes to a file.

    Args:
        job: the run.
        folder: of all run folders.
        at_once: how many runs go beside each other.
    """

    def __init__(self, job: Job, folder: Path, at_once: int) -> None:
        self.job, self._started = job, time.monotonic()
        self.log = folder / LOGS / f"{job.name}.txt"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        task = Task.of(job, (folder / job.name).resolve(), at_once)
        command = [sys.executable, "-m", "studies.accuracy.worker", task.text]
        with self.log.open("ab") as output:
            # A session of its own: Ctrl-C on the terminal is for the study, which passes it on once.
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    def has_ended(self) -> bool:
        """Whether the run is over, one way or another."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Ask the run to stop at its next training step."""
        if not self.has_ended():
            os.kill(self._process.pid, signal.SIGINT)

    def wait(self) -> None:
        """Until the run is over."""
        self._process.wait()

    @property
    def status(self) -> int:
        """The exit status of a run that is over."""
        return int(self._process.returncode)

    @property
    def seconds(self) -> float:
        """Since it was begun."""
        return time.monotonic() - self._started

    def last_line(self, begin: str = "") -> str:
        """The last line of the output that begins so."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line for line in reversed(lines) if line.strip() and line.startswith(begin)), "no output")


@contextmanager
def progress(total: int, done: int) -> Iterator[Say]:
    """While open, yields what takes a line for each run that ends; on a terminal, a bar is below."""
    if not sys.stdout.isatty():
        yield _counted(total, done)
        return
    from rich import progress as shown

    columns = (shown.BarColumn(), shown.MofNCompleteColumn(), shown.TextColumn("runs"), shown.TimeRemainingColumn())
    with shown.Progress(*columns) as bar:
        task = bar.add_task("", total=total, completed=done)

        def advance(line: str) -> None:
            bar.console.print(line, highlight=False, markup=False)
            bar.advance(task)

        yield advance


def _counted(total: int, done: int) -> Say:
    def advance(line: str) -> None:
        nonlocal done
        done += 1
        print(f"[{done}/{total}] {line}", flush=True)

    return advance
