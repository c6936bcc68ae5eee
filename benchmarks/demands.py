"""What the project promises of the benchmark, and what the rows say of each promise."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise

from benchmarks.compare import (
    Rows,
    Which,
    both,
    by_case,
    dense,
    everyday,
    leanest,
    library,
    memory_ratio,
    ours,
    ours_by,
    peer,
    speedup,
    typed,
)
from benchmarks.rows import Row

NOISE = 0.95
"""What counts as equal where a promise is to be no slower."""


@dataclass(frozen=True)
class Outcome:
    """A promise on one case.

    Args:
        promise: in words.
        case: its name.
        aim: the ratio promised.
        ratio: the ratio measured.
        detail: who was compared.
        over_everyday: the ratio to the fastest, or leanest, of what people run today; None where there is none.
        over_library: the same, of published libraries for spiking networks.
    """

    promise: str
    case: str
    aim: float
    ratio: float
    detail: str
    over_everyday: float | None = None
    over_library: float | None = None

    @property
    def kept(self) -> bool:
        """Whether the promise is kept."""
        return self.ratio >= self.aim


@dataclass(frozen=True)
class Speed:
    """A promise on times: some of ours are so many times as fast as some others.

    Args:
        promise: in words.
        cases: their names, as a pattern.
        aim: the ratio.
        of: which rows are ours.
        over: which rows they are compared with.
    """

    promise: str
    cases: str
    aim: float
    of: Which = ours
    over: Which = peer

    def outcomes(self, rows: Sequence[Row]) -> list[Outcome]:
        """What the rows say, by case."""
        found = []
        for case, own in by_case(rows).items():
            if fnmatchcase(case, self.cases):
                found += faster(self.promise, case, self.aim, own, self.of, self.over)
        return found


def faster(promise: str, case: str, aim: float, rows: Rows, of: Which, over: Which) -> list[Outcome]:
    """What a case's rows say of a promise on times; nothing where who is to be compared is not there."""
    ratio = speedup(rows, of, over)
    if ratio is None:
        return []
    milder = [speedup(rows, of, both(over, which)) for which in (everyday, library)]
    return [Outcome(promise, case, aim, ratio, _versus(rows, of, over), *milder)]


def _versus(rows: Rows, of: Which, over: Which) -> str:
    names = []
    for which in (of, over):
        row = min((row for row in rows if which(row)), key=lambda row: row["median_ms"])
        names.append(f"{row['implementation']} {row['median_ms']:.4g} ms")
    return " against ".join(names)


_ANY = "as fast as the fastest that is not ours, any number type"
_FP32, _OWN_FP32 = typed(peer, "fp32"), typed(ours, "fp32")
_RECURRENT = "recurrent 700-1024-20, T = 250, B = 128"
_OWN_DENSE = "our sparse route against our own dense one in bf16"
SPEEDS = (
    Speed(f"paper-layers (b), 1.5 %: 10 times {_ANY}", "paper-layers-b/*/2/1.5", 10),
    Speed(f"paper-layers (b), 0.5 %: 38 times {_ANY}", "paper-layers-b/*/2/0.5", 38),
    *(
        Speed(f"paper-layers (a), at most 2 % hidden: 5 times {_ANY}", f"paper-layers-a/*/2/{percent}", 5)
        for percent in ("0.5", "1", "1.5", "2")
    ),
    Speed(f"{_OWN_DENSE}, 1.5 %", "paper-layers-b/*/2/1.5", 5, ours_by("sparse"), ours_by("dense", "bf16")),
    Speed(f"{_OWN_DENSE}, 0.5 %", "paper-layers-b/*/2/0.5", 12, ours_by("sparse"), ours_by("dense", "bf16")),
    Speed(
        f"{_RECURRENT}: 15 times the fastest in fp32",
        "recurrent/250/128",
        15,
        _OWN_FP32,
        _FP32,
    ),
    Speed(f"{_RECURRENT}: 6 times {_ANY}", "recurrent/250/128", 6),
    Speed(f"spyx-shd: 3 times {_ANY}", "spyx-shd/2", 3),
    Speed(f"47,000 neurons in 48 layers: 8 times {_ANY}", "neurons/47050", 8),
    Speed(f"time to accuracy: 10 times {_ANY}", "accuracy/*", 10),
)


def outcomes(rows: Sequence[Row]) -> list[Outcome]:
    """What the rows say of every promise, in the order of the promises."""
    found = [outcome for speed in SPEEDS for outcome in speed.outcomes(rows)]
    return [*found, *automatic(rows), *memory(rows), *deep_memory(rows)]


def unmeasured(rows: Sequence[Row]) -> list[str]:
    """The promises on times of which the rows say nothing."""
    told = {outcome.promise for outcome in outcomes(rows)}
    return list(dict.fromkeys(speed.promise for speed in SPEEDS if speed.promise not in told))


def automatic(rows: Sequence[Row]) -> list[Outcome]:
    """Our automatic choice against the best dense implementation of the same number type, ours among them."""
    found = []
    for case, own in by_case(rows).items():
        for number_type in ("fp32", "bf16"):
            words = f"automatic choice no slower than the best dense in {number_type}"
            if not case.startswith("accuracy/"):
                of, over = ours_by("auto", number_type), typed(dense, number_type)
                found += faster(words, case, NOISE, own, of, over)
    return found


def memory(rows: Sequence[Row]) -> list[Outcome]:
    """A step's memory beyond weights, gradients and moments, against the leanest peer's."""
    found = []
    for case, own in by_case(rows).items():
        ratio = memory_ratio(own, peer)
        if ratio is not None:
            told = [row for row in (leanest(own, ours), leanest(own, peer)) if row is not None]
            words = " against ".join(f"{row['implementation']} {row['peak_bytes'] / 1e6:.0f} MB" for row in told)
            milder = [memory_ratio(own, which) for which in (everyday, library)]
            found.append(Outcome("memory of a step: 1/20 of the leanest peer's", case, 20, ratio, words, *milder))
    return found


def deep_memory(rows: Sequence[Row]) -> list[Outcome]:
    """All memory of 47,000 neurons in 48 layers, against 4 GB: weights, gradients and what the step needs besides."""
    found = []
    for row in rows:
        if row["case"] == "neurons/47050" and ours(row) and row["peak_bytes"] is not None:
            sizes = row["layers"]
            weights = sum(a * b for a, b in pairwise(sizes))
            total = 2 * 4 * weights + row["peak_bytes"]  # SGD keeps weights and gradients
            words = f"{row['implementation']} takes {total / 1e9:.2f} GB"
            found.append(Outcome("47,000 neurons in 48 layers train in 4 GB", row["case"], 1, 4e9 / total, words))
    return found
