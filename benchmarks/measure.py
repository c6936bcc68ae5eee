"""One case, measured: all implementations alive at once, and stepped in turns so that only one works at a time."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import psutil

from benchmarks import amx, peak
from benchmarks.implementations import Implementation, is_ours
from benchmarks.process import Child, Failed

MISS = 0.2
"""How far, as a fraction of what is stated, a hidden layer's activity may lie off."""

PAUSE_S = 0.25
"""Between two turns: threads that spin for a while after their work would slow the next one's. After 0.1 s medians of
fast steps came out up to 20 % higher than after this."""

SLOW_S = 0.5
"""Beside a step that takes longer, what caches hold is nothing: less than 1 % for 10 MB out of memory."""

NEAR = 3.0
"""Who takes at most so many times as long as the fastest of its number type might be the one to compare with: only the
others' steps are few."""

SCARCE = 0.3
"""Below this share of free memory, children hand back after each turn what they do not use."""


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Args:
        rounds: turns of each implementation.
        least: counted steps, of all turns, of who is near the fastest; the others have one a turn at least.
        turn_s: a turn takes about so long where steps are fast.
        most: steps of a turn at most.
        build_limit_s: for building, compiling and warming up.
        burst_s: a timing takes about so long at least: on a GPU steps are timed in bursts, on a CPU one by one.
        pause_s: between two turns; see `PAUSE_S`.
    """

    rounds: int = 3
    least: int = 9
    turn_s: float = 0.3
    most: int = 10
    build_limit_s: float = 900.0
    burst_s: float = 0.0
    pause_s: float = PAUSE_S


QUICK = Effort(rounds=2, least=2, turn_s=0.2, most=5, build_limit_s=90.0)
ON_GPU = Effort(rounds=4, least=12, turn_s=0.1, most=5, build_limit_s=100.0, burst_s=0.02, pause_s=0.02)
"""A case takes less than two minutes: a machine with a GPU may be there for half an hour. No thread spins there."""

MOST_EACH = 200
"""Steps of a burst at most."""


@dataclass
class Measured:
    """What came out for one implementation.

    Args:
        version: of its packages.
        number_type: of its products.
        note: what differs in it.
        activity: of each hidden layer.
        seconds: of each step, or of a step in each burst.
        peak_bytes: of a step beyond weights, gradients and moments; None where not measured.
    """

    version: str
    number_type: str
    note: str
    activity: list[float]
    seconds: list[float] = field(default_factory=list)
    peak_bytes: int | None = None

    @property
    def median_ms(self) -> float:
        """The median of its steps."""
        return 1e3 * median(self.seconds)

    @property
    def quartiles_ms(self) -> tuple[float, float]:
        """The first and third quartile of its steps."""
        if len(self.seconds) < 2:
            return self.median_ms, self.median_ms
        first, _, third = quantiles(self.seconds, n=4, method="inclusive")
        return 1e3 * first, 1e3 * third


Tell = Callable[[str], None]


def measure(
    case: Path,
    implementations: Sequence[Implementation],
    *,
    stated: float,
    threads: int,
    effort: Effort,
    tell: Tell,
    no_amx: bool = False,
    device: str = "cpu",
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Time the steps of implementations of a case.

    Args:
        case: its file.
        implementations: which.
        stated: the activity that each hidden layer must have.
        threads: of each.
        effort: how long to measure.
        tell: called with what is done now.
        no_amx: whether matrix units are switched off.
        device: where they work: "cpu", or a GPU with its number.

    Returns:
        What was measured by implementation, and of the others why not.
    """
    children: dict[str, Child] = {}
    left_out: dict[str, str] = {}
    try:
        for one in implementations:
            try:
                children[one.name] = Child(one, case, threads, amx.ENVIRONMENT if no_amx else None, device)
            except OSError as failure:
                left_out[one.name] = f"its Python cannot be started: {failure.strerror}; make bench builds it"
        # They import, build and compile beside each other; once the first clock starts, only one works at a time.
        tell("building all")
        # Those that compile go first: the short ones fill what they leave.
        order = sorted(children, key=is_ours)
        with ThreadPoolExecutor(max_workers=threads) as pool:
            outcomes = pool.map(lambda name: _built(children[name], stated, effort), order)
            built = dict(zip(order, outcomes, strict=True))
        found = {name: known for name in children if isinstance(known := built[name], Measured)}
        left_out |= {name: str(one) for name, one in built.items() if isinstance(one, Failed)}
        if no_amx:
            left_out |= {n: amx.UNPROVEN for n, one in found.items() if amx.unproven(one.number_type, one.version)}
        _in_turns({name: children[name] for name in found}, found, left_out, effort, tell)
    finally:
        for child in children.values():
            child.close()
    return {name: one for name, one in found.items() if name not in left_out}, left_out


def _built(child: Child, stated: float, effort: Effort) -> Measured | Failed:
    """What is known of an implementation once it is built and its activity checked, or why it cannot go on."""
    try:
        return _checked(child, stated, effort)
    except Failed as failure:
        child.close()
        return failure


def _checked(child: Child, stated: float, effort: Effort) -> Measured:
    about = child.ask("build", effort.build_limit_s)
    if "unsupported" in about:
        raise Failed(about["unsupported"])
    if not about["flushed"]:
        raise Failed("denormal numbers are not flushed in all threads")
    activity = child.ask("activity", effort.build_limit_s)["activity"]
    child.ask("trim", effort.build_limit_s)
    check_activity(activity, stated)
    peak_bytes = about.get("peak_bytes")
    return Measured(about["version"], about["number_type"], about["note"], activity, peak_bytes=peak_bytes)


def check_activity(activity: Sequence[float], stated: float) -> None:
    """Refuse a run whose layers spike more or less often than stated.

    Raises:
        Failed: a layer is off by more than `MISS`.
    """
    for number, rate in enumerate(activity, start=1):
        if not abs(rate - stated) <= MISS * stated:
            raise Failed(f"refused: layer {number} spikes at {rate:.3%}, {stated:.2%} within {MISS:.0%} is stated")


def _in_turns(
    children: dict[str, Child], found: dict[str, Measured], left_out: dict[str, str], effort: Effort, tell: Tell
) -> None:
    """Time the children, one after the other, some steps each, until all have had their turns."""
    typical: dict[str, float] = {}
    for number in range(effort.rounds + 1):
        counts = counted({name: (typical[name], found[name].number_type) for name in typical}, effort)
        for name in [name for name in children if name not in left_out]:
            tell(f"{name}: round {number} of {effort.rounds}")
            time.sleep(effort.pause_s)
            try:
                if number == 0:
                    # Not counted: it says how many steps there is time for.
                    typical[name] = children[name].ask("step", effort.build_limit_s, times=1)["seconds"][0]
                else:
                    each = steps_of_burst(typical[name], effort)
                    found[name].seconds += _turn(children[name], typical[name], counts[name], each)
            except Failed as failure:
                left_out[name] = str(failure)


def steps_of_burst(step_s: float, effort: Effort) -> int:
    """How many steps in a row are timed together, of one that takes so long."""
    return max(1, min(MOST_EACH, round(effort.burst_s / step_s)))


def counted(typical: Mapping[str, tuple[float, str]], effort: Effort) -> dict[str, int]:
    """How many timings of a turn count, by implementation: as many as there is time for, and enough of those in front.

    Args:
        typical: seconds of a step, and the number type of products, by implementation.
        effort: how long to measure.
    """
    # The fastest of ours and of the others apart: a ratio is no better than the worse sampled of its two sides.
    fastest: dict[tuple[str, bool], float] = {}
    for name, (seconds, number_type) in typical.items():
        side = number_type, is_ours(name)
        fastest[side] = min(seconds, fastest.get(side, seconds))
    found = {}
    for name, (seconds, number_type) in typical.items():
        near = seconds <= NEAR * fastest[number_type, is_ours(name)]
        least = -(-effort.least // effort.rounds) if near else 1
        found[name] = max(least, min(effort.most, round(effort.turn_s / max(seconds, effort.burst_s))))
    return found


def _turn(child: Child, step_s: float, times: int, each: int) -> list[float]:
    """The seconds of a step, from each timing of a turn; each is of so many steps.

    A fast one takes a step first that is not counted: the implementation before left its own data in the caches.
    """
    uncounted = int(step_s < SLOW_S)
    limit_s = 60 + 20 * step_s * (times + uncounted) * each
    seconds: list[float] = child.ask("step", limit_s, times=times + uncounted, each=each)["seconds"]
    if psutil.virtual_memory().available < SCARCE * psutil.virtual_memory().total:
        child.ask("trim", limit_s)
    return seconds[uncounted:]


def memory(
    case: Path, implementations: Iterable[Implementation], *, threads: int, effort: Effort, tell: Tell
) -> tuple[dict[str, int], dict[str, str]]:
    """Peak bytes of a step by implementation, each in a process of its own, and of those that fail why.

    Args and returns otherwise as `measure`.
    """
    found: dict[str, int] = {}
    failed: dict[str, str] = {}

    def one_of(one: Implementation) -> None:
        tell(f"{one.name}: memory")
        child = Child(one, case, threads, peak.ENVIRONMENT)
        try:
            measured = child.ask("memory", effort.build_limit_s).get("bytes")
            if measured is not None:
                found[one.name] = measured
        except Failed as failure:
            failed[one.name] = str(failure)
        finally:
            child.close()

    # No clock runs here, and what a process takes does not depend on another.
    with ThreadPoolExecutor(max_workers=threads) as pool:
        list(pool.map(one_of, implementations))
    return found, failed
