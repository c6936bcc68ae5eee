"""One training step, measured: ours and plain torch's in turns, its parts, the host's limits, and memory."""

import time
from dataclasses import dataclass
from statistics import median

from spikeloom.bench import contender, host, limits, memory, parts, problem
from spikeloom.bench.cases import Workload
from spikeloom.bench.contender import OURS, Contender
from spikeloom.bench.limits import Limits
from spikeloom.bench.parts import Part
from spikeloom.bench.torch_dense import VARIANTS

ROUNDS = 3
OWN_STEPS = 7
"""Steps of ours in each round; of the others, which take ten times as long, it is one."""

MEMORY_PEER = "per_step_fp32"


@dataclass(frozen=True)
class Result:
    """What was measured.

    Args:
        workload: what was asked.
        threads: of all that ran.
        flushed: whether denormal numbers were flushed in torch's threads.
        limits: the host's.
        seconds: each contender's steps.
        activity: each contender's, per hidden layer.
        window: per hidden layer.
        parts: of our step.
        extra_bytes: peak memory beyond weights, gradients and moments, of ours and of `MEMORY_PEER`.
    """

    workload: Workload
    threads: int
    flushed: bool
    limits: Limits
    seconds: dict[str, list[float]]
    activity: dict[str, list[float]]
    window: list[float]
    parts: list[Part]
    extra_bytes: dict[str, int | None]

    def ms(self, name: str) -> float:
        """The median of a contender's steps, in milliseconds."""
        return 1e3 * median(self.seconds[name])

    def speedup_over(self, names: list[str]) -> float:
        """How many of our steps fit into one of the fastest of these contenders."""
        return min(self.ms(name) for name in names) / self.ms(OURS)


def measure(workload: Workload, threads: int) -> Result:
    """Measure a step with so many threads, denormal numbers flushed for all.

    Raises:
        InputError: the hidden layers cannot be made to spike as often as asked.
    """
    return host.call_flushed(threads, _measure, workload, threads)


def _measure(workload: Workload, threads: int) -> Result:
    # First the limits: the processor is cool, and no OpenMP worker spins beside ours.
    found = limits.measure(threads)
    made = problem.make(workload)
    contenders = {name: contender.make(name, made) for name in contender.names()}
    for rival in contenders.values():
        rival.step()
    activity = {name: rival.activity() for name, rival in contenders.items()}
    return Result(
        workload,
        threads,
        host.flushes_denormals(),
        found,
        in_turns(contenders, ROUNDS),
        activity,
        [layer.window for layer in made.layers],
        parts.measure(contenders[OURS], workload.hidden),
        {name: memory.extra_bytes(name, made, threads) for name in (OURS, MEMORY_PEER)},
    )


def in_turns(contenders: dict[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Time the contenders' steps, one contender after the other, so many rounds.

    What slows the machine for a while slows all. Ours takes several steps in its turn. Each turn begins with a step
    that is not counted: the one before leaves its own data in the caches and its threads spinning, or gone.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, rival in contenders.items():
            rival.step()
            for _ in range(OWN_STEPS if name == OURS else 1):
                start = time.perf_counter()
                rival.step()
                seconds[name].append(time.perf_counter() - start)
    return seconds


def rivals(*, fp32: bool = False) -> list[str]:
    """The names of plain torch's variants, or of those that compute in fp32 alone."""
    return [name for name in VARIANTS if name.endswith("fp32") or not fp32]
