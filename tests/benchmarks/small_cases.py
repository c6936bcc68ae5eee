"""Cases small enough for tests, and rows that nobody measured."""

import sys
from pathlib import Path
from typing import Any

from benchmarks.cases import Spec
from benchmarks.implementations import Implementation
from spikeloom.bench.cases import Case as Shape
from spikeloom.bench.cases import Workload

SMALL = Spec("small/10", Workload(Shape("small", 70, 12, 3), 0.2, 0.1, hidden=(96, 130), batch=6))


def here(name: str) -> Implementation:
    """An implementation that runs in the environment of the tests."""
    return Implementation(name, Path(sys.executable))


def row(case: str, implementation: str, ms: float, **changes: Any) -> dict[str, Any]:
    made_up = {
        "case": case,
        "implementation": implementation,
        "version": "thing 1.0",
        "number_type": "bf16" if "bf16" in implementation else "fp32",
        "layers": [2312, 1466, 1466, 10],
        "activity_input": 0.015,
        "activity_hidden": [0.0151, 0.0149],
        "median_ms": ms,
        "quartiles_ms": [0.9 * ms, 1.1 * ms],
        "steps_timed": 9,
        "peak_bytes": None,
        "threads": 2,
        "machine": "an abacus, 2 cores",
        "commit": "0123456789",
        "date": "2026-01-01T00:00:00+00:00",
        "note": "",
    }
    return made_up | changes
