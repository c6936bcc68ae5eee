"""The time of a step: by the host's clock on a CPU, by its own on a GPU, which works on when Python has gone on.

As `spikeloom.bench.gpu.timer` does it, in an environment that may not have spikeloom. On a GPU steps are timed in
bursts, as they follow each other in training: between two events of the GPU's own clock, with nothing else waiting on
the GPU when the first is recorded. Events see the work of one stream; so the host's clock runs beside them, and where
it has seen much more, it counts.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

BESIDE = 1.2
END_S = 0.002
"""How many times as long as the events, and how much longer besides, the host's clock may run before it counts."""

Clock = Callable[[Callable[[], object], int], float]
"""Takes a step so many times, one after the other, and tells the seconds of one."""


def on_cpu(step: Callable[[], object], times: int) -> float:
    """The clock of steps that are done when they return."""
    start = time.perf_counter()
    for _ in range(times):
        step()
    return (time.perf_counter() - start) / times


@dataclass(frozen=True)
class OnGpu:
    """The clock of steps on a GPU's current stream.

    Args:
        event: makes an event with `record()` and `elapsed_time(later)` in milliseconds.
        wait: returns when the GPU has done all that it was given.
        now: the host's clock, in seconds.
    """

    event: Callable[[], Any]
    wait: Callable[[], None]
    now: Callable[[], float] = time.perf_counter

    def __call__(self, step: Callable[[], object], times: int) -> float:
        """Take a step so many times, one after the other; the seconds of one."""
        first, last = self.event(), self.event()
        self.wait()
        start = self.now()
        first.record()
        for _ in range(times):
            step()
        last.record()
        self.wait()
        by_host, by_gpu = self.now() - start, first.elapsed_time(last) / 1000
        return (by_host if by_host > BESIDE * by_gpu + END_S else by_gpu) / times


def of(device: torch.device) -> Clock:
    """The clock of a device."""
    if device.type == "cpu":
        return on_cpu
    make: Any = torch.cuda.Event
    return OnGpu(lambda: make(enable_timing=True), lambda: torch.cuda.synchronize(device))
