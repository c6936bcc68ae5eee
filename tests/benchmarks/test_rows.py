"""Rows: what one holds, and how a run's take the place of older ones."""

import json
from pathlib import Path

import pytest
import torch
from small_cases import row

from benchmarks import files, rows, take
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


def test_cpus_and_gpus_keep_rows_and_reasons_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"a GPU, {device}")
    on_gpu = {"machine": rows.machine("cuda:0"), "device": "cuda"}
    assert rows.machine("cuda:0") == f"a GPU, cuda:0, {rows.machine()}"
    rows.write(tmp_path, "f/1", [row("f/1", "a", 1.0, machine=rows.machine())], {"b": "loud"})
    for ms in (2.0, 3.0):
        rows.write(tmp_path, "f/1", [row("f/1", "a", ms, **on_gpu)], {"b": "no JAX"}, device="cuda:0")
    found = rows.read(tmp_path)
    assert [(rows.device(one), one["median_ms"]) for one in found] == [("cpu", 1.0), ("cuda", 3.0)]
    assert [one["median_ms"] for one in rows.on_cpu(found)] == [1.0]
    assert [one["median_ms"] for one in rows.on_gpu(found)] == [3.0]
    assert rows.read_left_out(tmp_path) == {"f/1": {"b": "loud"}, "f/1 on a GPU": {"b": "no JAX"}}


def test_a_row_says_its_device_and_its_commit(case_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    one, case = Measured("thing 1.0", "bf16", "", [0.1], [0.004], 7), files.load(case_file)
    made = rows.row(case, "thing", one, threads=2, date="today", device="cuda:0", commit_="abc")
    assert (made["device"], made["commit"], made["machine"]) == ("cuda", "abc", f"a GPU, {rows.machine()}")
    assert rows.row(case, "thing", one, threads=2, date="today")["device"] == "cpu"


def test_without_git_the_commit_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert rows.commit.__wrapped__() == "unknown"


def test_rows_from_elsewhere_take_their_place(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    gpu = {"device": "cuda", "machine": "a GPU"}
    rows.write(here, "f/1", [row("f/1", "a", 1.0, machine=rows.machine())], {"x": "old"})
    for folder, ms in ((here, 5.0), (there, 6.0)):
        with (folder if folder.is_dir() else _made(folder)).joinpath("f.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row("f/1", "a", ms, **gpu)) + "\n")
    (there / rows.LEFT_OUT).write_text(json.dumps({"f/1 on a GPU": {"y": "new"}}), encoding="utf-8")
    assert take.main([str(there), "--out", str(here)]) == 0
    assert sorted(one["median_ms"] for one in rows.read(here)) == [1.0, 6.0]
    assert rows.read_left_out(here) == {"f/1": {"x": "old"}, "f/1 on a GPU": {"y": "new"}}


def test_an_empty_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert take.main([str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "folder: expected files of rows (*.jsonl), got none in" in capsys.readouterr().err


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
