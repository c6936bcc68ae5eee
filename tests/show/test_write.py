"""Reports of real runs, whole ones and broken ones."""

import io
import shutil
from pathlib import Path

import pytest
from fake_gpu import answer

from spikeloom import InputError, show
from spikeloom.train import settings
from spikeloom.train.report import Report


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of a run, to be broken."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def written(run: Path, **options: object) -> tuple[str, str]:
    """The page of a run, and what was said."""
    stream = io.StringIO()
    path = show.write(run, report=Report(stream), **options)  # type: ignore[arg-type]
    return path.read_text(encoding="utf-8"), stream.getvalue()


def test_the_report_of_a_run(run: Path) -> None:
    text, said = written(run)
    assert said.startswith(f"report     {run / 'report.html'}, ")
    assert "<h1>small</h1>" in text
    assert "12 to test" in text
    assert "test accuracy" in text
    assert "The run wrote down" not in text
    assert not list(run.glob("*.partial"))


def test_another_file_split_and_neurons(run: Path, tmp_path: Path) -> None:
    path = show.write(
        run, tmp_path / "new/page.html", split="validation", neurons=[5, 30], report=Report(io.StringIO())
    )
    text = path.read_text()
    assert path == tmp_path / "new/page.html"
    assert "validation accuracy" in text
    assert "neuron 30" in text
    assert "neuron 31<" not in text
    assert not (run / "report.html").exists()


def test_the_same_run_gives_the_same_page(run: Path) -> None:
    assert written(run)[0] == written(run)[0]


def test_data_that_are_gone_and_data_that_moved(run: Path, data: Path, tmp_path: Path) -> None:
    file = run / "config.toml"
    file.write_text(file.read_text().replace(str(data), str(tmp_path / "gone")))
    text, _ = written(run)
    assert "The recordings could not be used" in text
    assert "--data" in text
    assert "as the run wrote it down" in text
    assert '<section id="training">' in text
    assert '<section id="classes">' not in text
    moved, _ = written(run, data=data)
    assert "The recordings could not be used" not in moved
    assert '<section id="classes">' in moved
    assert f"--data {data}" in moved


def test_a_recording_that_is_cut(run: Path, data: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(data, tmp_path / "copy"))
    broken = copy / "Test/1/00001.bin"
    broken.write_bytes(broken.read_bytes()[:-2])
    text, _ = written(run, data=copy)
    assert "it is truncated" in text


def test_weights_that_are_gone_or_broken(run: Path) -> None:
    (run / "model.safetensors").write_bytes(b"nothing")
    assert "There are no weights to look at" in written(run)[0]
    (run / "model.safetensors").unlink()
    text, _ = written(run)
    assert "There are no weights to look at" in text
    assert '<section id="training">' in text


def test_a_run_that_was_stopped(run: Path) -> None:
    metrics = run / "metrics.jsonl"
    metrics.write_text("\n".join(metrics.read_text().splitlines()[:3]) + '\n{"epoch": 2, "sp')
    text, _ = written(run)
    assert "This run is not finished: 2 of 4 epochs are done" in text
    assert "1 line of metrics.jsonl" in text
    assert '<section id="classes">' in text


def test_what_cannot_be_reported(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run folder: expected a folder that spikeloom train made"):
        show.write(tmp_path / "nowhere")
    with pytest.raises(InputError, match="split: expected test or validation, got train"):
        show.write(run, split="train")
    with pytest.raises(InputError, match="--neurons: expected numbers from 0 to 31, neurons of a layer, got 32"):
        show.write(run, neurons=[32])
    with pytest.raises(InputError, match="expected to write the report.*; choose --out FILE"):
        show.write(run, run / "config.toml/page.html", report=Report(io.StringIO()))
    file = run / "config.toml"
    file.write_text(settings.to_toml(settings.override(settings.from_toml(file), {"validation": "0"})))
    with pytest.raises(InputError, match=r"split: expected test, got validation; the run held nothing out"):
        show.write(run, split="validation")


def test_a_browser_is_opened_where_asked_for(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(show.webbrowser, "open", opened.append)
    show.write(run, browse=True, report=Report(io.StringIO()))
    assert opened == [(run / "report.html").resolve().as_uri()]


def test_a_run_of_a_gpu_is_shown_where_there_is_none(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, _ = written(run)
    file = run / "config.toml"
    file.write_text(file.read_text().replace('device = "cpu"', 'device = "cuda"'))
    answer(monkeypatch, built=False)
    with pytest.raises(InputError, match="^--device cuda: expected a GPU that torch can use, .*, or take --device cpu"):
        written(run)
    text, _ = written(run, device="cpu")
    # The setting is among those that are not the recipe's; all else is the same.
    assert text.count("<svg") == wanted.count("<svg")
