"""The activity at which both routes of a layer take the same time on a GPU: measured once, and kept in a file.

A choice by a clock would differ from run to run. So a number is measured once for a GPU, a number type and the versions
of what runs there, and a file in the folder for caches keeps it: on one machine runs repeat. Where no file can be
written, each process measures anew.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from spikeloom.folders import cache_folder

ACTIVITIES = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
"""Shares of the inputs that spike in a step, at which routes are timed: up to the first at which the dense one is
faster. Estimates for current GPUs run from 0.006 to 0.07."""

Timer = Callable[[float, bool], float]
"""The seconds of a layer's forward and backward pass, by its input's activity and whether its route is sparse."""


def kept_crossover(kind: Mapping[str, str], seconds: Timer) -> float:
    """The crossover that a file keeps, else the measured one, which it keeps from now on.

    Args:
        kind: what the number depends on, by name.
        seconds: measures.
    """
    path = _path(kind)
    found = _read(path, kind)
    if found is None:
        found = crossing(seconds)
        _write(path, {**kind, "crossover": found})
    return found


def crossing(seconds: Timer) -> float:
    """The activity at which the sparse route takes as long as the dense one, on a line between two of `ACTIVITIES`.

    0 where the dense one is faster at the lowest, and the highest where it is faster at none.
    """
    before: tuple[float, float] | None = None
    for activity in ACTIVITIES:
        longer = seconds(activity, True) - seconds(activity, False)
        if longer > 0:
            if before is None:
                return 0.0
            low, shorter = before
            return low + (activity - low) * shorter / (shorter + longer)
        before = (activity, -longer)
    return ACTIVITIES[-1]


def _path(kind: Mapping[str, str]) -> Path:
    digest = hashlib.sha256(json.dumps(kind, sort_keys=True).encode()).hexdigest()
    return cache_folder() / f"crossover-{digest[:32]}.json"


def _read(path: Path, kind: Mapping[str, str]) -> float | None:
    """The number of a file that is whole and of this kind."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    number = found.pop("crossover", None) if isinstance(found, dict) else None
    fits = isinstance(number, float) and 0 <= number <= 1 and found == dict(kind)
    return number if fits else None


def _write(path: Path, content: Mapping[str, str | float]) -> None:
    """Written whole and then renamed, so that another process reads all of it or nothing."""
    unfinished = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            unfinished = Path(file.name)
            json.dump(content, file)
        os.replace(unfinished, path)
    except OSError:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)
