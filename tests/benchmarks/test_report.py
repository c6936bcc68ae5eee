"""The page and its pictures, from rows that nobody measured."""

import json
from pathlib import Path
from typing import Any

import pytest
from small_cases import row

from benchmarks import demands, figures, limits, report, rows, tables
from spikeloom import InputError

Row = dict[str, Any]


def sweep() -> list[Row]:
    """Ours takes time by activity; the peer does not."""
    found = []
    for percent in (0.5, 1.5, 5, 10, 50):
        case = f"paper-layers-b/nmnist/2/{percent:g}"
        found += [
            row(case, "ours_sparse", 10 * percent + 10),
            row(case, "ours_dense_bf16", 180.0),
            row(case, "ours_auto", min(10 * percent + 10, 210.0)),
            row(case, "torch_folded", 500.0, note="no window"),
            row(case, "torch_folded_bf16", 200.0),
        ]
    return found


def put(folder: Path, found: list[Row]) -> Path:
    for one in found:
        with (folder / f"{one['case'].partition('/')[0]}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(one) + "\n")
    return folder


def test_the_page_says_what_came_out(tmp_path: Path) -> None:
    put(tmp_path, sweep())
    reasons = {"paper-layers-b/nmnist/2/0.5": {"sinabs": "refused: layer 1 spikes at 9%"}, "gone/1": {"x": "not here"}}
    (tmp_path / rows.LEFT_OUT).write_text(json.dumps(reasons), encoding="utf-8")
    page = tmp_path / "docs" / "benchmarks.md"
    report.write(tmp_path, page)
    text = page.read_text(encoding="utf-8")
    assert "| ours_sparse | fp32 | 15 | 25 | 60 | 110 | 510 |" in text
    assert "| torch_folded [1] | fp32 | 500 | 500 | 500 | 500 | 500 |" in text
    assert (
        "| **ours over the fastest other, any type** |  | **13.3** | **8** | **3.33** | **1.82** | **1.11** |" in text
    )
    assert "| **ours over the fastest other, fp32** |  | **33.3** | **20** | **8.33** | **4.55** | **2.38** |" in text
    assert "1. torch_folded: no window" in text
    assert "* sinabs: refused: layer 1 spikes at 9% (paper-layers-b/nmnist/2/0.5)" in text
    assert "not here" not in text
    assert "10 times as fast as the fastest that is not ours, any number type | 10 | 8 | 8 |  | no |" in text
    drawn = sorted(file.name for file in (tmp_path / "docs" / "benchmarks").iterdir())
    assert drawn == ["sparsity.svg", "speedup-b.svg"]
    assert all(f"(benchmarks/{name})" in text for name in drawn)


def test_the_same_rows_make_the_same_bytes(tmp_path: Path) -> None:
    put(tmp_path, sweep())
    for name in ("one", "two"):
        report.write(tmp_path, tmp_path / name / "page.md")
    for file in (tmp_path / "one").rglob("*.*"):
        assert file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()


def test_only_pictures_with_rows_are_drawn_and_old_ones_go(tmp_path: Path) -> None:
    names = ("ours_sparse", "torch_folded")
    deep = [row(f"neurons/{n}", name, n * k) for n in (2950, 5890) for k, name in enumerate(names, start=1)]
    lean = [row(f"steps/{t}", name, 1, peak_bytes=t * 10**6) for t in (25, 50) for name in names]
    put(tmp_path, [*deep, *lean])
    folder = tmp_path / "docs" / "benchmarks"
    folder.mkdir(parents=True)
    (folder / "sparsity.svg").write_text("of older rows")
    report.write(tmp_path, tmp_path / "docs" / "benchmarks.md")
    assert sorted(file.name for file in folder.iterdir()) == ["memory.svg", "neurons.svg"]


def test_rows_of_one_machine(tmp_path: Path) -> None:
    put(tmp_path, [*sweep(), row("ssbp/2", "ours_sparse", 3.0, machine="a slide rule")])
    report.write(tmp_path, tmp_path / "page.md")
    assert "slide rule" not in (tmp_path / "page.md").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="machine: expected one of an abacus, 2 cores; a slide rule, got a quipu"):
        report.write(tmp_path, tmp_path / "page.md", "a quipu")


def test_rows_without_matrix_units_have_a_section_of_their_own(tmp_path: Path) -> None:
    case = "paper-layers-b/nmnist/2/1.5"
    held = [row(case, "ours_sparse", 26, without_amx=True), row(case, "torch_expert_bf16", 520, without_amx=True)]
    put(tmp_path, [*sweep(), *held])
    reasons = {case: {"sinabs": "too loud"}, f"{case} without AMX": {"jax_bf16": "no switch"}}
    (tmp_path / rows.LEFT_OUT).write_text(json.dumps(reasons), encoding="utf-8")
    report.write(tmp_path, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    start, end = text.index("## Without matrix units (AMX)"), text.index("## Pictures")
    before, section, after = text[:start], text[start:end], text[end:]
    assert "any number type | 10 | 20 |  |  | yes |" in section
    assert f"* jax_bf16: no switch ({case})" in section
    assert "any number type | 10 | 8 | 8 |  | no |" in before
    assert f"* sinabs: too loud ({case})" in after
    assert "520 ms" not in before + after


def test_without_such_rows_there_is_no_such_section(tmp_path: Path) -> None:
    put(tmp_path, sweep())
    report.write(tmp_path, tmp_path / "page.md")
    assert "AMX" not in (tmp_path / "page.md").read_text(encoding="utf-8")


def test_no_rows_no_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main(["--results", str(tmp_path), "--document", str(tmp_path / "page.md")]) == 2
    assert "run make bench" in capsys.readouterr().err
    assert not (tmp_path / "page.md").exists()


def test_the_crossover_is_found_on_logarithms() -> None:
    assert figures.crossover([(1, 8), (10, 2), (40, 0.5)]) == pytest.approx(20)
    assert figures.crossover([(1, 8), (10, 2)]) is None


def outcome(found: list[Row], promise: str) -> demands.Outcome:
    (one,) = [one for one in demands.outcomes(found) if promise in one.promise]
    return one


def test_promises_compare_with_whom_they_name() -> None:
    case = "recurrent/250/128"
    found = [row(case, "ours_sparse", 10), row(case, "jax", 160), row(case, "torch_folded_bf16", 50)]
    fp32, every = outcome(found, "15 times the fastest in fp32"), outcome(found, "6 times as fast")
    assert (fp32.ratio, fp32.kept) == (16, True)
    assert (every.ratio, every.kept) == (5, False)
    assert every.detail == "ours_sparse 10 ms against torch_folded_bf16 50 ms"


def test_a_promise_tells_experts_from_what_people_run_and_libraries_from_both() -> None:
    case = "paper-layers-b/shd/2/1.5"
    names = {"ours_sparse": 10, "torch_expert_bf16": 40, "torch_csr": 60, "snntorch": 300, "spyx_fused": 250}
    one = outcome([row(case, name, ms, peak_bytes=ms * 10**6) for name, ms in names.items()], "10 times as fast")
    assert (one.ratio, one.over_everyday, one.over_library) == (4, 6, 25)
    lean = outcome([row(case, name, 1, peak_bytes=mb * 10**6) for name, mb in names.items()], "1/20")
    assert (lean.ratio, lean.over_everyday, lean.over_library) == (4, 6, 25)
    experts = outcome([row(case, "ours_sparse", 10), row(case, "torch_expert", 40)], "10 times as fast")
    assert (experts.over_everyday, experts.over_library) == (None, None)


def test_promises_without_rows_are_named() -> None:
    case = "recurrent/250/128"
    left = demands.unmeasured([row(case, "ours_sparse", 10), row(case, "torch_folded_bf16", 50)])
    assert not any("any number type" in promise and "recurrent" in promise for promise in left)
    # Nobody has been timed in fp32 there.
    assert any("the fastest in fp32" in promise for promise in left)
    assert sum("spyx-shd" in promise for promise in left) == 1
    assert sum("(a)" in promise for promise in left) == 1


def test_each_comparison_has_the_worst_of_its_own_cases() -> None:
    slow = [row("paper-layers-b/shd/2/1.5", name, ms) for name, ms in {"ours_sparse": 10, "torch_csr": 20}.items()]
    fast = [row("paper-layers-b/dvs/2/1.5", name, ms) for name, ms in {"ours_sparse": 10, "norse": 90}.items()]
    text = tables.promises(demands.outcomes([*slow, *fast]))
    assert "any number type | 10 | 2 | 2 | 9 | in 0 of 2 | paper-layers-b/shd/2/1.5: " in text


def test_the_automatic_choice_answers_to_dense_ones_of_its_type() -> None:
    case = "onm/512/gaussian"
    names = {"ours_auto": 100, "ours_dense": 96, "torch_csr": 10, "torch_folded": 98, "torch_folded_bf16": 20}
    found = [row(case, name, ms) for name, ms in names.items()]
    one = outcome(found, "automatic choice no slower than the best dense in fp32")
    assert (one.ratio, one.kept) == (0.96, True)


def test_memory_is_compared_with_the_leanest_and_with_4_gb() -> None:
    case = "neurons/47050"
    sizes = [1152, *[980] * 48, 10]
    found = [
        row(case, name, 1, peak_bytes=peak * 10**6, layers=sizes)
        for name, peak in (("ours_sparse", 50), ("jax", 900), ("norse", 2000))
    ]
    lean, fits = outcome(found, "1/20"), outcome(found, "4 GB")
    assert (lean.ratio, lean.kept) == (18, False)
    assert fits.detail == "ours_sparse takes 0.42 GB"
    assert fits.kept


def test_kernels_have_their_share_of_the_limit(tmp_path: Path) -> None:
    part = {"name": "feedforward.forward, 2312 to 1466", "product": "forward", "ms": 2.0, "bytes": 400_000_000}
    other = {"name": "forward pass", "product": None, "ms": 9.0, "bytes": 0}
    measured = {"limits": {"l2_gather": 250.0}, "parts": [other, part]}
    assert figures.kernels(measured) == [("forward, 2312 to 1466", pytest.approx(0.8))]
    assert figures.limit_shares({"nmnist, 1.5 %": measured}, tmp_path / "limits.svg")
    assert not figures.limit_shares(limits.read(tmp_path), tmp_path / "none.svg")
