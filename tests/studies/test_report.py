"""The report from run folders made up by hand."""

import re
from pathlib import Path

import pytest
from studies_folders import write_run

from spikeloom import InputError
from spikeloom.train import recipes, settings
from studies.accuracy import records as read
from studies.accuracy import report
from studies.accuracy.plan import NMNIST_SMALL, SEEDS, VARIANTS

SLOW, FAST = [0.3, 0.6, 0.9, 0.9], [0.5, 0.89, 0.9, 0.9]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two folds of nmnist_small: the window is 1 point worse in one and 0 in the other, a cap of 1 % is 10 worse."""
    folder = tmp_path / "runs"
    for part, dense in (("fold0", 0.93), ("fold1", 0.95)):
        base = {"part": part, "seed": 0}
        write_run(folder, "nmnist_small", "dense", **base, accuracy=dense, validation=SLOW, epoch_s=5.0)
        lower = dense - (0.01 if part == "fold0" else 0.0)
        shared = ["feedforward", "width0.9"]
        write_run(folder, "nmnist_small", "window", **base, accuracy=lower, validation=FAST, stands_for=shared)
        write_run(folder, "nmnist_small", "cap1", **base, accuracy=dense - 0.1, validation=[0.3, 0.4, 0.5, 0.6])
    write_run(folder, "nmnist_small", "plain_torch", "fold0", 0, accuracy=0.94, validation=SLOW)
    write_run(folder, "nmnist_small", "cap5", "fold0", 0, accuracy=0.9, validation=SLOW, finished=False)
    return folder


@pytest.fixture
def text(runs: Path, tmp_path: Path) -> str:
    report.write(runs, tmp_path / "docs" / "results.md")
    return (tmp_path / "docs" / "results.md").read_text()


def row(text: str, variant: str) -> list[str]:
    """The cells of a variant's row in the first table."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {variant} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_claims_come_from_the_numbers(text: str) -> None:
    # The mean of -1 and 0 points is -0.5, their sd 0.7071: ± 12.706 * 0.7071 / 1.4142 = 6.35.
    accuracy = next(line for line in text.splitlines() if "No significant loss" in line)
    assert "the window alone -0.5 [-6.9, +5.9] (2 folds × 1 seed): parity on average, though" in accuracy
    assert "a cap of 1 % -10.0 [-10.0, -10.0] (2 folds × 1 seed): no parity, worse by more than 1 point" in accuracy
    assert "cap of 5 %" not in accuracy
    # Dense ends at 0.9: the target is 0.855, the third epoch of dense and the second of the window.
    slower = next(line for line in text.splitlines() if "No slower convergence" in line)
    assert (
        "the window alone -1.0 [-1.0, -1.0] epochs and -13.0 [-13.0, -13.0] s (2 folds × 1 seed): no slower" in slower
    )
    assert "a cap of 1 % never reaches it in 2 of 2 runs: slower" in slower
    assert "+2.0 points of test accuracy (1 fold × 1 seed): more than 1 point better than ours" in text


def test_the_tables(text: str) -> None:
    assert row(text, "dense")[1:] == [
        *("2 folds × 1 seed", "94.0 ± 1.4", "–", "5.0 · 3.0", "802", "80", "3.0", "–", "15.0", "–")
    ]
    assert row(text, "window")[2:4] == ["93.5 ± 2.1", "-0.5 [-6.9, +5.9]"]
    assert row(text, "feedforward (the runs of window)")[2:] == row(text, "window")[2:]
    assert row(text, "cap5")[1] == "none"
    assert text.count("| width0.9 (the runs of window) |") == 1


def test_it_says_where_and_how_many(text: str) -> None:
    assert "7 finished runs, 2026-01-02, commit 0123456789." in text
    assert "a processor, 2 cores; Python 3.11, torch 2.9" in text
    assert "make study ARGS=--report-only" in text
    assert "cap1 (2 of 15 runs), " in text
    assert "cap5 (0 of 15 runs), " in text
    assert "* fsdd: nothing of it was run." in text


def test_the_figures_are_small_and_there(text: str, tmp_path: Path) -> None:
    shown = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert shown == ["results/curves-nmnist_small.svg", "results/width-nmnist_small.svg"]
    for name in shown:
        drawn = (tmp_path / "docs" / name).read_text()
        assert "<svg" in drawn
        assert len(drawn) < 60_000


def test_the_same_runs_make_the_same_bytes(runs: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        report.write(runs, tmp_path / name / "results.md")
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) == 3
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_data_set_that_is_complete_is_said_to_be(tmp_path: Path) -> None:
    names = [variant.name for variant in VARIANTS]
    for seed in SEEDS:
        for part in NMNIST_SMALL.parts:
            base = {"part": part, "seed": seed, "accuracy": 0.9, "validation": SLOW}
            write_run(tmp_path, "nmnist_small", "all", **base, stands_for=names)
    records = read.read_all(tmp_path)
    assert report.not_run(records, [NMNIST_SMALL]) == "* nmnist_small: everything planned was run.\n"


def test_no_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected at least one finished run of the study, got none; run make study"):
        report.write(tmp_path, tmp_path / "results.md")


def test_runs_of_another_recipe_say_so(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study may be older than the recipe; its page then names what has changed since."""
    page, now = tmp_path / "results.md", recipes.nmnist()
    report.write(runs, page)
    assert "not of the recipe as it is now" in page.read_text()
    assert f"steps 100 (now {now.data.steps})" in page.read_text()
    same = {"steps": "100", "dt_ms": "3.0", "hidden": "256,128", "epochs": "4"}
    monkeypatch.setattr(recipes, "named", lambda name: settings.override(now, same))
    report.write(runs, page)
    assert "not of the recipe" not in page.read_text()
