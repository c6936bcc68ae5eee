"""Rows: what one holds, and how a run's take the place of older ones."""

import json
from pathlib import Path

import pytest
from small_cases import row

from benchmarks import files, rows
from benchmarks.measure import Measured

FIELDS = [
    "case",
    "implementation",
    "version",
    "number_type",
    "activity_input",
    "activity_hidden",
    "median_ms",
    "quartiles_ms",
    "peak_bytes",
    "threads",
    "machine",
    "commit",
    "date",
]


def test_a_row_has_what_is_promised(case_file: Path) -> None:
    case = files.load(case_file)
    one = Measured("thing 1.0", "bf16", "another surrogate", [0.1, 0.11], [0.004, 0.002, 0.003, 0.001, 0.005], 7)
    made = rows.row(case, "thing", one, threads=2, date="2026-01-01T00:00:00+00:00")
    assert set(FIELDS) <= set(made)
    assert (made["case"], made["median_ms"], made["quartiles_ms"]) == ("small/10", 3.0, [2.0, 4.0])
    assert (made["layers"], made["note"], made["steps_timed"]) == ([70, 96, 130, 3], "another surrogate", 5)
    assert made["activity_input"] == pytest.approx(0.2, rel=0.1)
    assert not rows.without_amx(made)
    assert json.loads(json.dumps(made)) == made


def test_a_run_takes_the_place_of_the_case_s_older_rows(tmp_path: Path) -> None:
    mine = {"machine": rows.machine()}
    elsewhere = row("f/1", "a", 5.0, machine="another")
    rows.write(tmp_path, "f/1", [row("f/1", "a", 1.0, **mine), row("f/1", "b", 2.0, **mine), elsewhere], {"c": "why"})
    rows.write(tmp_path, "f/2", [row("f/2", "a", 3.0, **mine)], {})
    rows.write(tmp_path, "f/1", [row("f/1", "a", 4.0, **mine)], {"b": "gone"})
    assert sorted(one["median_ms"] for one in rows.read(tmp_path)) == [3.0, 4.0, 5.0]
    assert rows.read_left_out(tmp_path) == {"f/1": {"b": "gone"}, "f/2": {}}
    assert [file.name for file in tmp_path.glob("*.jsonl")] == ["f.jsonl"]


def test_rows_without_matrix_units_take_the_place_of_such_alone(tmp_path: Path) -> None:
    def made(ms: float, **changes: bool) -> dict[str, object]:
        return row("f/1", "a", ms, machine=rows.machine(), **changes)

    rows.write(tmp_path, "f/1", [made(1.0)], {"b": "loud"})
    rows.write(tmp_path, "f/1", [made(2.0, without_amx=True)], {"b": "no switch"}, no_amx=True)
    rows.write(tmp_path, "f/1", [made(3.0, without_amx=True)], {"b": "no switch"}, no_amx=True)
    assert sorted(one["median_ms"] for one in rows.read(tmp_path)) == [1.0, 3.0]
    rows.write(tmp_path, "f/1", [made(4.0)], {})
    assert sorted(one["median_ms"] for one in rows.read(tmp_path)) == [3.0, 4.0]
    assert rows.read_left_out(tmp_path) == {"f/1": {}, "f/1 without AMX": {"b": "no switch"}}
