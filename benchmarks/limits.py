"""Our kernels beside what the machine can do: what `spikeloom bench step` measures, on every shape."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import rows
from spikeloom.bench import host, report, step
from spikeloom.bench.cases import CASES, workload

FILE = "limits.json"
KEPT = ("ms_per_step", "limits", "limit_share", "parts", "processor", "threads")
CHOSEN = [(shape, percent) for shape in CASES for percent in (1.5, 0.5)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and store; returns 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--out", type=Path, default=rows.RESULTS, help="the folder of the results")
    options = parser.parse_args(arguments)
    measured = {}
    for shape, percent in CHOSEN:
        one = workload(shape, percent / 100, percent / 100, recurrent=False)
        values = report.values(step.measure(one, host.cores()))
        kept = {name: values[name] for name in KEPT}
        measured[f"{shape}, {percent:g} %"] = kept | {"commit": rows.commit(), "date": rows.now()}
        print(f"{shape}, {percent:g} %: {values['limit_share']}")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / FILE).write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    return 0


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """What is stored, by shape and activity."""
    file = folder / FILE
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


if __name__ == "__main__":
    sys.exit(main())
