"""Rows of results: one file of JSON lines a family of cases, and beside them why implementations have no row.

A row without a `device` is a CPU's. CPUs and GPUs are never compared: whoever reads rows takes those of one kind.
"""

import json
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch

from benchmarks.case import Case
from benchmarks.implementations import ROOT
from benchmarks.measure import Measured
from spikeloom.bench import host

RESULTS = ROOT / "benchmarks" / "results"
PARTIAL = RESULTS / "partial"
"""Where runs of some implementations or of few steps go, which are in nobody's way and in no table."""

LEFT_OUT = "left_out.json"
SWITCHED_OFF = " without AMX"
ON_GPU = " on a GPU"
"""Each stands behind a case's name where reasons are kept by case: matrix units were switched off, or it ran there."""

Row = dict[str, Any]


def machine(device: str = "cpu") -> str:
    """The processor's name and how many processors the process may use, behind the name of the GPU where one works."""
    gpu = "" if device == "cpu" else f"{torch.cuda.get_device_name(device)}, "
    return f"{gpu}{host.processor()}, {host.cores()} cores"


def kind(device: str) -> str:
    """What rows call a device: "cpu" or "cuda"."""
    return device.partition(":")[0]


def device(row: Row) -> str:
    """What a row was measured on: "cpu" or "cuda"."""
    return str(row.get("device", "cpu"))


def on_cpu(rows: Sequence[Row]) -> list[Row]:
    """Those of CPUs."""
    return [row for row in rows if device(row) == "cpu"]


def on_gpu(rows: Sequence[Row]) -> list[Row]:
    """Those of GPUs."""
    return [row for row in rows if device(row) != "cpu"]


def setting(case: str, *, no_amx: bool, device: str) -> str:
    """The name under which reasons are kept."""
    return case + (SWITCHED_OFF if no_amx else "") + ("" if kind(device) == "cpu" else ON_GPU)


@cache
def commit() -> str:
    """The commit as it was when first asked for, before the first child starts; `+` behind it where files differ.

    "unknown" where there is no git, or nothing that it knows.
    """

    def git(*arguments: str) -> str:
        try:
            done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        except OSError:
            return ""
        return done.stdout.strip()

    # Results that are written now change nothing of what is measured.
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "src", "benchmarks/*.py", "benchmarks/peers")
    return (git("rev-parse", "--short=10", "HEAD") or "unknown") + ("+" if changed else "")


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def without_amx(row: Row) -> bool:
    """Whether a row was measured with matrix units switched off."""
    return bool(row.get("without_amx", False))


def row(
    case: Case,
    name: str,
    one: Measured,
    *,
    threads: int,
    date: str,
    no_amx: bool = False,
    device: str = "cpu",
    commit_: str | None = None,
) -> Row:
    """What was measured of an implementation, as a row: times in ms, activities as fractions.

    Args:
        case: what was measured.
        name: the implementation's.
        one: its figures.
        threads: it had.
        date: when the case's run began, which all rows of a run share.
        no_amx: whether matrix units were switched off.
        device: where: "cpu", or a GPU with its number.
        commit_: of the sources; None asks git.
    """
    return {
        "case": case.name,
        "device": kind(device),
        "implementation": name,
        "version": one.version,
        "number_type": one.number_type,
        "layers": case.layers,
        "activity_input": _rounded(float(case.x.count_nonzero()) / case.x.numel()),
        "activity_hidden": [_rounded(rate) for rate in one.activity],
        "median_ms": _rounded(one.median_ms),
        "quartiles_ms": [_rounded(value) for value in one.quartiles_ms],
        "steps_timed": len(one.seconds),
        "peak_bytes": one.peak_bytes,
        "threads": threads,
        "machine": machine(device),
        "without_amx": no_amx,
        "commit": commit_ or commit(),
        "date": date,
        "note": one.note,
    }


def write(
    folder: Path, case: str, rows: Sequence[Row], left_out: dict[str, str], *, no_amx: bool = False, device: str = "cpu"
) -> Path:
    """Put a run's rows in place of those that the case had on this machine in the same setting; returns their file.

    Args:
        folder: of the results.
        case: its name.
        rows: of one run.
        left_out: implementations without a row, and why.
        no_amx: whether matrix units were switched off.
        device: where: "cpu", or a GPU with its number.
    """
    reasons = {setting(case, no_amx=no_amx, device=device): left_out}
    return _put(folder, case, (machine(device), no_amx, kind(device)), rows, reasons)


def key(row: Row) -> tuple[str, str, bool, str]:
    """What all rows of a run share: case, machine, whether matrix units were switched off, and kind of device."""
    return row["case"], row["machine"], without_amx(row), device(row)


def take(source: Path, folder: Path) -> int:
    """Put what a run elsewhere has left in a folder in its place among results; returns how many rows.

    Args:
        source: with files of rows, and why implementations have none.
        folder: of the results.
    """
    found, reasons = read(source), read_left_out(source)
    for case, *where in dict.fromkeys(map(key, found)):
        own = [row for row in found if key(row) == (case, *where)]
        _put(folder, case, tuple(where), own, {})
    _tell(folder, reasons)
    return len(found)


def _put(folder: Path, case: str, where: tuple[Any, ...], rows: Sequence[Row], reasons: dict[str, Any]) -> Path:
    file = folder / f"{case.partition('/')[0]}.jsonl"
    kept = [one for one in read_file(file) if key(one) != (case, *where)]
    _replace(file, "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in [*kept, *rows]))
    _tell(folder, reasons)
    return file


def _tell(folder: Path, reasons: dict[str, dict[str, str]]) -> None:
    """Put reasons in place of those that their settings had."""
    everything = read_left_out(folder) | reasons
    _replace(folder / LEFT_OUT, json.dumps(everything, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def read(folder: Path) -> list[Row]:
    """All rows of a folder."""
    return [one for file in sorted(folder.glob("*.jsonl")) for one in read_file(file)]


def read_file(file: Path) -> list[Row]:
    """The rows of a file; none if it is not there."""
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def read_left_out(folder: Path) -> dict[str, dict[str, str]]:
    """By case, `SWITCHED_OFF` behind it where that was so, and implementation, why there is no row."""
    file = folder / LEFT_OUT
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _replace(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)


def _rounded(value: float) -> float:
    """Four significant digits: none of these figures has more."""
    return float(f"{value:.4g}")
