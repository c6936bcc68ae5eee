"""The time of a step on a GPU, which goes on working when Python has gone on.

Steps are timed in bursts, as they follow each other in training: between two events of the GPU's own clock, with
nothing else waiting on the GPU when the first is recorded. A burst lasts long enough for what its two ends cost to be
nothing. Events see the work of one stream; so the host's clock runs beside them, and where it has seen much more, it
counts.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

BURST_S = 0.02
"""A burst takes about so long at least."""

MOST = 200
"""Steps of a burst at most."""

BESIDE = 1.2
END_S = 0.002
"""How many times as long as the events, and how much longer besides, the host's clock may run before it counts."""


@dataclass(frozen=True)
class Timer:
    """Times bursts of steps.

    Args:
        event: makes an event with `record()` and `elapsed_time(later)` in milliseconds.
        wait: returns when the GPU has done all that it was given.
        now: the host's clock, in seconds.
    """

    event: Callable[[], Any]
    wait: Callable[[], None]
    now: Callable[[], float] = time.perf_counter

    def burst(self, step: Callable[[], object], times: int) -> float:
        """Take steps one after the other; the seconds of one of them."""
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

    def steps_of(self, step_s: float) -> int:
        """How many steps a burst takes, of a step that takes so long."""
        return max(1, min(MOST, round(BURST_S / step_s)))


def timer(device: torch.device) -> Timer:
    """The timer of a GPU, for what runs on its current stream."""
    make: Any = torch.cuda.Event
    return Timer(lambda: make(enable_timing=True), lambda: torch.cuda.synchronize(device))
