"""A guard against losses of speed: `make bench-check`, or `python -m benchmarks.check --help`.

Ratios of plain torch's time to ours, taken in turns in one process, are compared with those stored for this processor.
A machine that is slower today is so for both.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks import rows
from benchmarks.implementations import ROOT
from spikeloom.bench import contender, host, problem, step
from spikeloom.bench.cases import CASES, Case, Workload
from spikeloom.bench.contender import OURS, OWN_DENSE, Contender

STORED = ROOT / "benchmarks" / "results" / "check.json"
LOSS = 0.15
"""How much of a stored ratio may be lost."""

ROUNDS = 4
NOTHING_STORED = 3


@dataclass(frozen=True)
class Race:
    """One of ours and the plain torch that it is compared with.

    Args:
        ours: a contender's name.
        rival: the same, of plain torch.
        bf16: whether ours runs inside of `torch.autocast` to bfloat16.
    """

    ours: str
    rival: str
    bf16: bool = False

    @property
    def name(self) -> str:
        """Both, as people read them."""
        return f"{self.ours}{' in bf16' if self.bf16 else ''} over plain torch's {self.rival}"


_FP32 = (Race(OURS, "folded_fp32"), Race(OWN_DENSE, "folded_fp32"))
_BF16 = (Race(OURS, "folded_bf16", bf16=True),)
WORKLOADS = {
    "feed-forward, 1.5 %": (Workload(Case("nmnist", CASES["nmnist"].inputs, 50, 10), batch=24), (*_FP32, *_BF16)),
    "feed-forward, 10 %": (Workload(Case("shd", 700, 50, 20), 0.1, 0.1, hidden=(1024,), batch=24), _FP32),
    "recurrent, 2 %": (
        Workload(Case("recurrent", 700, 100, 20), 0.02, 0.02, recurrent=True, hidden=(512,), batch=48),
        (Race(OURS, "folded_fp32"), *_BF16),
    ),
}
"""What is measured: smaller than the benchmark's cases, so that all of it takes less than a minute."""

Ratios = dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare with the stored ratios, or store; 0, 1 after a loss, 3 where nothing is stored for this machine."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="store what is measured now, for this machine")
    parser.add_argument("--stored", type=Path, default=STORED, help="the file of the stored ratios")
    options = parser.parse_args(arguments)
    if options.update:
        store(options.stored, measured())
        print(f"stored in {options.stored}")
        return 0
    before = read(options.stored).get(rows.machine())
    if before is None:
        print(f"nothing is stored for this machine ({rows.machine()}); run python -m benchmarks.check --update")
        return NOTHING_STORED
    return judge(before["ratios"], measured)


def judge(before: Ratios, measure: Callable[[], Ratios]) -> int:
    """Measure and compare, print the outcome, and return the exit status.

    A loss must show twice: on a shared machine one measurement in many is off.
    """
    now = measure()
    if losses(before, now):
        again = measure()
        now = {name: max(ratio, again[name]) for name, ratio in now.items()}
    lost = losses(before, now)
    for name, ratio in now.items():
        old = f"stored {before[name]:.2f}" if name in before else "nothing stored"
        print(f"{name}: {ratio:.2f}, {old}{'  LOST' if name in lost else ''}")
    if lost:
        print(f"{len(lost)} of {len(now)} ratios lost more than {LOSS:.0%}")
    return 1 if lost else 0


def losses(before: Ratios, now: Ratios) -> list[str]:
    """The names of ratios that fell by more than `LOSS`, or are stored and no longer measured."""
    return [name for name, ratio in before.items() if now.get(name, 0.0) < (1 - LOSS) * ratio]


def measured() -> Ratios:
    """By workload and race, how many of our steps fit into one of plain torch's."""
    return host.call_flushed(host.cores(), _measured)


def _measured() -> Ratios:
    found = {}
    for name, (workload, races) in WORKLOADS.items():
        made = problem.make(workload)
        for race in races:
            rivals = {OURS: _contender(race, made), race.rival: contender.make(race.rival, made)}
            for one in rivals.values():
                one.step()
            seconds = step.in_turns(rivals, ROUNDS)
            # What disturbs a step only adds to it: the least times are those of the code.
            found[f"{name}: {race.name}"] = min(seconds[race.rival]) / min(seconds[OURS])
    return found


def _contender(race: Race, made: problem.Problem) -> Contender:
    one = contender.make(race.ours, made)
    return _InBf16(**vars(one)) if race.bf16 else one


class _InBf16(Contender):
    """A contender that runs inside of `torch.autocast` to bfloat16."""

    def step(self) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            super().step()


def read(file: Path) -> dict[str, dict[str, Ratios]]:
    """What is stored, by machine."""
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def store(file: Path, ratios: Ratios) -> None:
    """Store ratios for this machine in place of those it had."""
    kept = read(file)
    rounded = {name: float(f"{ratio:.3g}") for name, ratio in ratios.items()}
    new = {"commit": rows.commit(), "date": rows.now(), "ratios": rounded}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(kept | {rows.machine(): new}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
