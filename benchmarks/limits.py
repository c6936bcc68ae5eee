"""Our kernels beside what the machine can do: what `spikeloom bench step` measures, on every shape."""

import argparse
import json
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from benchmarks import rows
from spikeloom import InputError
from spikeloom.bench import host, report, step
from spikeloom.bench.cases import CASES, workload
from spikeloom.checks import require

FILE = "limits.json"
KEPT = ("ms_per_step", "limits", "limit_share", "parts", "processor", "threads")
CHOSEN = {f"{shape}/{percent:g}": (shape, percent) for shape in CASES for percent in (1.5, 0.5)}
"""What is measured: shapes, and the activity of inputs and hidden layers in percent."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and store, each case once it is there; 0, or 2 where what is asked for is not there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument(
        "--case", default="*", help=f"names or patterns by commas, of {', '.join(CHOSEN)}; default: all"
    )
    parser.add_argument("--out", type=Path, default=rows.RESULTS, help="the folder of the results")
    options = parser.parse_args(arguments)
    try:
        for name in select(options.case):
            shape, percent = CHOSEN[name]
            one = workload(shape, percent / 100, percent / 100, recurrent=False)
            values = report.values(step.measure(one, host.cores()))
            kept = {key: values[key] for key in KEPT}
            store(options.out, f"{shape}, {percent:g} %", kept | {"commit": rows.commit(), "date": rows.now()})
            print(f"{shape}, {percent:g} %: {values['limit_share']}", flush=True)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def select(wanted: str) -> list[str]:
    """The names in `CHOSEN` that are asked for, in its order.

    Args:
        wanted: names or patterns with `*`, between commas.

    Raises:
        InputError: a part of it that is no case's.
    """
    found: set[str] = set()
    for part in (part.strip() for part in wanted.split(",")):
        matching = [name for name in CHOSEN if fnmatchcase(name, part)]
        require(len(matching) > 0, "case", f"one of {', '.join(CHOSEN)}, or a pattern", repr(part))
        found.update(matching)
    return [name for name in CHOSEN if name in found]


def store(folder: Path, name: str, measured: dict[str, Any]) -> None:
    """Put what was measured in place of what is stored under that name; cases keep the order of `CHOSEN`."""
    stored = read(folder) | {name: measured}
    order = [f"{shape}, {percent:g} %" for shape, percent in CHOSEN.values()]
    ordered = {key: stored[key] for key in [*order, *stored] if key in stored}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """What is stored, by shape and activity."""
    file = folder / FILE
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


if __name__ == "__main__":
    sys.exit(main())
