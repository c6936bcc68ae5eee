"""One training step on a GPU, measured: ours and plain torch's in turns, and the memory of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from spikeloom.bench import problem
from spikeloom.bench.cases import Workload
from spikeloom.bench.gpu import contender, device, memory
from spikeloom.bench.gpu.timer import Timer, timer
from spikeloom.bench.gpu.ways import WAYS, Way
from spikeloom.bench.problem import Problem

ROUNDS = 5
BURSTS = 3
"""Counted bursts of each contender in a round."""


@dataclass(frozen=True)
class Result:
    """What was measured.

    Args:
        workload: what was asked.
        facts: of the GPU.
        seconds: of a step, by contender, a number for each burst.
        activity: each contender's, per hidden layer.
        window: per hidden layer.
        extra_bytes: peak memory beyond weights, gradients and moments, by contender.
        left_out: contenders that failed, and why.
    """

    workload: Workload
    facts: dict[str, Any]
    seconds: dict[str, list[float]]
    activity: dict[str, list[float]]
    window: list[float]
    extra_bytes: dict[str, int]
    left_out: dict[str, str]

    def ms(self, name: str) -> float:
        """The median of a contender's bursts, in milliseconds a step."""
        return 1e3 * median(self.seconds[name])

    def fastest(self, which: Callable[[Way], bool]) -> str | None:
        """The name of the fastest contender of some; None where none of them was measured."""
        names = [name for name in self.seconds if which(WAYS[name])]
        return min(names, key=self.ms, default=None)


@dataclass(frozen=True)
class Warm:
    """A contender after its first steps.

    Args:
        step: its step.
        activity: of each hidden layer.
        extra_bytes: of a step beyond weights, gradients and moments, at the most.
    """

    step: Callable[[], object]
    activity: list[float]
    extra_bytes: int


def measure(workload: Workload, name: str) -> Result:
    """Measure a step on the GPU of that name.

    Raises:
        InputError: no such GPU, or hidden layers that cannot be made to spike as often as asked.
    """
    chosen = device.checked(name)
    with torch.cuda.device(chosen):
        made = problem.make(workload, chosen)
        warm, left_out = warmed(made, chosen)
        seconds = in_turns({name: one.step for name, one in warm.items()}, timer(chosen))
    return Result(
        workload,
        device.facts(chosen),
        seconds,
        {name: one.activity for name, one in warm.items()},
        [layer.window for layer in made.layers],
        {name: one.extra_bytes for name, one in warm.items()},
        left_out,
    )


def warmed(made: Problem, chosen: torch.device) -> tuple[dict[str, Warm], dict[str, str]]:
    """The contenders after their first steps, and why others are not among them.

    Raises:
        RuntimeError: a contender's kernel failed in such a way that the GPU does nothing for this process any more.
    """
    warm: dict[str, Warm] = {}
    left_out: dict[str, str] = {}
    for name, way in WAYS.items():
        try:
            warm[name] = _warmed(way, made, chosen)
        except Exception as failure:
            # One way that fails is no reason to lose the others: a machine with a GPU may be there for minutes.
            left_out[name] = in_a_line(failure)
            try:
                memory.allocated(chosen)
                timer(chosen).wait()
            except Exception as gone:
                raise RuntimeError(f"{name} left a GPU that answers no more: {left_out[name]}") from gone
    return warm, left_out


def _warmed(way: Way, made: Problem, chosen: torch.device) -> Warm:
    before = memory.allocated(chosen)
    one = contender.make(way, made, chosen)
    one.step()
    # In the second step moments are there already, and a graph is recorded.
    extra = memory.peak_of(one.step, chosen) - before - made.state_bytes
    return Warm(one.step, one.activity(), extra)


def in_turns(steps: Mapping[str, Callable[[], object]], clock: Timer) -> dict[str, list[float]]:
    """Time steps in bursts, one contender after the other, round by round; seconds of a step, by contender.

    A burst that is not counted comes first in each turn: the one before has left its own data in the caches.
    """
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    times: dict[str, int] = {}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            if name not in times:
                times[name] = clock.steps_of(clock.burst(step, 2))
            clock.burst(step, times[name])
            seconds[name] += [clock.burst(step, times[name]) for _ in range(BURSTS)]
    return seconds


def in_a_line(failure: BaseException) -> str:
    """An error's kind and the first line that it says."""
    lines = str(failure).strip().splitlines()
    said = lines[0] if lines else "no message"
    return f"{type(failure).__name__}: {said if len(said) <= 200 else said[:197] + '...'}"
