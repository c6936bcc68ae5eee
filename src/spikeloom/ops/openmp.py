"""Torch's OpenMP threads, which spin for milliseconds after each parallel operation of torch, and hold their cores."""

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch

_SOFT = 1  # omp_pause_soft: threads end, settings stay


def release() -> None:
    """Let the calling thread's OpenMP threads go, so that the cores are free; torch's next operation makes new ones.

    Making them takes about 50 microseconds; a spinning one takes half of a worker's core for up to 10 milliseconds.
    Where the library cannot be found or is too old, they go on spinning, which costs time and nothing else.
    """
    _pause()(_SOFT)


@cache
def _pause() -> Callable[[int], object]:
    """OpenMP 5's `omp_pause_resource_all` in the library that torch loaded."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        lines = []
    beside_torch = str(Path(torch.__file__).parent)
    loaded = sorted({line.split(maxsplit=5)[-1] for line in lines if "libgomp" in line})
    for path in sorted(loaded, key=lambda path: not path.startswith(beside_torch)):
        try:
            pause: Callable[[int], object] = ctypes.CDLL(path).omp_pause_resource_all
        except (OSError, AttributeError):
            continue
        return pause
    return lambda kind: None
