"""The section on GPUs: what has not been measured is said so, and CPUs and GPUs are never compared."""

import json
from pathlib import Path
from typing import Any

import pytest
from small_cases import row

from benchmarks import demands, gpu_promises, gpu_report, report, rows

Row = dict[str, Any]
CASE = "gpu-ff/nmnist/48/1"
ON_GPU = {"device": "cuda", "machine": "an H200 beside an abacus, 16 cores"}


def measured(case: str = CASE, **ms: float) -> list[Row]:
    return [row(case, name, value, **ON_GPU) for name, value in ms.items()]


def outcome(found: list[Row], promise: str) -> demands.Outcome:
    (one,) = [one for one in gpu_promises.outcomes(found) if promise in one.promise]
    return one


def put(folder: Path, found: list[Row]) -> Path:
    for one in found:
        with (folder / f"{one['case'].partition('/')[0]}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(one) + "\n")
    return folder


def test_without_rows_the_page_says_plainly_that_nothing_was_measured(tmp_path: Path) -> None:
    report.write(put(tmp_path, [row("ssbp/2", "ours_sparse", 3.0)]), tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    section = text[text.index("## On a GPU") :]
    assert "Not measured: no GPU was at hand." in section
    assert "have never run on a GPU" in section
    for promise, aim in gpu_promises.promises():
        assert f"| {promise} | {aim:g} | not measured |" in section


def test_promises_compare_with_whom_they_name() -> None:
    found = measured(
        ours_sparse=0.4,
        ours_sparse_bf16=0.2,
        ours_dense_bf16_graph=0.3,
        snntorch=60.0,
        spikingjelly=3.0,
        spikingjelly_graph=2.4,
        spikingjelly_bf16=0.9,
        torch_per_step=50.0,
        torch_per_step_compile=20.0,
        torch_per_step_graph=8.0,
        torch_expert_bf16_graph=0.33,
    )
    assert outcome(found, "snnTorch").ratio == 300
    assert outcome(found, "fp32").ratio == pytest.approx(6)
    assert outcome(found, "1 %, bf16").ratio == 4.5
    assert outcome(found, "per-step dense").ratio == pytest.approx(40)
    own_dense = outcome(found, "our own dense one")
    assert (own_dense.ratio, own_dense.aim, own_dense.kept) == (pytest.approx(1.5), 1.8, False)


def test_recurrent_layers_compare_with_graphs_alone() -> None:
    found = measured(
        "gpu-recurrent/8192/8/0.2", ours_sparse_bf16=0.5, torch_csr=1.0, torch_expert_graph=12.0, ours_dense_graph=9.0
    )
    one = outcome(found, "8,192")
    assert (one.ratio, one.kept) == (24, True)
    assert one.detail == "ours_sparse_bf16 0.5 ms against torch_expert_graph 12 ms"


def test_the_automatic_choice_answers_to_our_dense_route_in_a_graph() -> None:
    names = {"ours_auto_bf16": 0.9, "ours_auto_bf16_graph": 0.31, "ours_dense_bf16": 0.8, "ours_dense_bf16_graph": 0.3}
    one = outcome(measured("gpu-ff/nmnist/48/25", **names), "automatic choice")
    assert (one.ratio, one.kept) == (pytest.approx(0.3 / 0.31), True)


def test_measured_promises_stand_beside_those_that_were_not(tmp_path: Path) -> None:
    gpu = [*measured(ours_sparse=0.4, snntorch=60.0), *measured("gpu-ff/nmnist/48/0.5", ours_sparse=0.3)]
    put(tmp_path, [row("ssbp/2", "ours_sparse", 3.0), row("ssbp/2", "snntorch", 90.0), *gpu])
    reasons = {CASE + rows.ON_GPU: {"spyx": "no JAX there"}, CASE: {"sinabs": "of another machine"}}
    (tmp_path / rows.LEFT_OUT).write_text(json.dumps(reasons), encoding="utf-8")
    report.write(tmp_path, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    start = text.index("## On a GPU")
    before, section = text[:start], text[start:]
    assert "| snnTorch, eager, 1 % | 100 | 150 | 150 | 150 | yes |" in section
    assert "Machine: an H200 beside an abacus, 16 cores" in section
    assert (
        "| recurrent N = 8,192, B = 8, 0.2 %, against the fastest dense one in a CUDA graph | 15 | not measured |"
        in (section)
    )
    assert "* spyx: no JAX there (gpu-ff/nmnist/48/1)" in section
    assert "sinabs" not in section
    # Columns by activity, whatever was measured first.
    assert "| implementation | type | 0.5 | 1 |" in section
    assert "H200" not in before
    assert "gpu-ff" not in before
    assert "not measured: no GPU" not in text.lower()


def test_a_cpu_case_that_ran_on_a_gpu_is_no_cpu_s(tmp_path: Path) -> None:
    case = "recurrent/250/128"
    cpu = [row(case, "ours_sparse", 10.0), row(case, "torch_folded", 160.0)]
    put(tmp_path, [*cpu, *measured(case, ours_sparse=0.1, torch_folded=0.2)])
    report.write(tmp_path, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "any number type | 6 | 16 |" in text[: text.index("## On a GPU")]
    assert "### recurrent/250" in text[text.index("## On a GPU") :]


def test_of_several_gpus_the_one_with_most_rows_is_told() -> None:
    other = [row(CASE, "snntorch", 1.0, device="cuda", machine="a small GPU")]
    text = gpu_report.section([*other, *measured(ours_sparse=0.4, snntorch=60.0)], {})
    assert "a small GPU" not in text
    assert "an H200" in text
