"""Whole runs: what they leave behind, what they say, and that they can be repeated."""

import io
import json
import math
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from fake_gpu import answer, stand_in
from recordings import small_config, write_nmnist

import spikeloom
from spikeloom import InputError
from spikeloom.data.nmnist import NMNIST
from spikeloom.nn import LIF
from spikeloom.train import loop, session, settings
from spikeloom.train.config import Config, TrainingSettings
from spikeloom.train.metrics import Metrics, read
from spikeloom.train.report import Report


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nmnist(tmp_path_factory.mktemp("nmnist") / "data")


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of six epochs, and what it said."""
    stream = io.StringIO()
    folder = tmp_path_factory.mktemp("runs") / "run"
    session.train(small_config(data, epochs="6"), folder, Report(stream))
    return folder, stream.getvalue()


def without_speed(metrics: list[Metrics]) -> list[Metrics]:
    return [replace(line, samples_per_s=0.0, seconds=0.0, loader_share=None) for line in metrics]


def test_a_run_leaves_its_files(trained: tuple[Path, str]) -> None:
    folder, _ = trained
    names = ["checkpoints", "config.toml", "metrics.csv", "metrics.jsonl", "model.safetensors", "raster.png"]
    assert sorted(file.name for file in folder.iterdir()) == names
    assert (folder / "raster.png").read_bytes().startswith(b"\x89PNG")


def test_metrics_have_a_line_per_epoch_and_split_and_one_of_the_test(trained: tuple[Path, str]) -> None:
    lines = [json.loads(line) for line in (trained[0] / "metrics.jsonl").read_text().splitlines()]
    expected = [(epoch, split) for epoch in range(1, 7) for split in ("train", "validation")]
    assert [(line["epoch"], line["split"]) for line in lines[:-1]] == expected
    assert lines[-1]["split"] == "test"
    for line in lines:
        measured = {"loss", "accuracy", "activity", "samples_per_s", "seconds", "learning_rate", "loader_share"}
        assert set(line) == {"epoch", "split"} | measured
        assert (line["learning_rate"] is not None) is (line["split"] == "train")
        assert 0 <= line["loader_share"] <= 1
        assert line["seconds"] > 0
        assert 0 <= line["accuracy"] <= 1
        assert set(line["activity"]) == {"input", "layer 1", "layer 2"}
        assert all(0 <= value <= 1 for value in line["activity"].values())
        assert line["samples_per_s"] > 0


def test_it_learns(trained: tuple[Path, str]) -> None:
    metrics = read(trained[0] / "metrics.jsonl")
    assert metrics[-1].accuracy == 1.0
    assert metrics[10].loss < metrics[0].loss


def test_the_test_is_of_the_epoch_that_was_best_on_validation(trained: tuple[Path, str]) -> None:
    metrics = read(trained[0] / "metrics.jsonl")
    best = max((line for line in metrics if line.split == "validation"), key=lambda line: (line.accuracy, -line.loss))
    assert metrics[-1].epoch == best.epoch


def test_it_says_what_it_did(trained: tuple[Path, str]) -> None:
    folder, said = trained
    lines = said.splitlines()
    assert lines[0] == (
        "small: 18 samples to train, 6 to validate, 12 to test; network 2312 - 32 - 16 - 10, 20 steps of 2 ms"
    )
    assert lines[1].startswith("a training step takes about ")
    assert [line.split("  ")[0] for line in lines[2:8]] == [f"epoch {epoch} of 6" for epoch in range(1, 7)]
    assert "\x1b" not in said
    summary = "\n".join(lines[8:])
    assert "test accuracy  100.00% (epoch " in summary
    assert "layer 1 " in summary
    assert "samples/s" in summary
    assert summary.endswith(str(folder))


def test_the_network_comes_back(trained: tuple[Path, str], data: Path) -> None:
    network = spikeloom.load(trained[0])
    test = NMNIST(data, "test")
    assert network.predict([events for events, _ in test]) == test.labels.tolist()


def test_eval_finds_what_the_run_found(trained: tuple[Path, str]) -> None:
    stream = io.StringIO()
    metrics = session.evaluate_run(trained[0], None, "test", Report(stream))
    assert without_speed([metrics]) == without_speed(read(trained[0] / "metrics.jsonl")[-1:])
    assert stream.getvalue().startswith("test accuracy 100.00%, loss ")


def test_a_run_repeats_from_its_config(trained: tuple[Path, str], tmp_path: Path) -> None:
    config = settings.from_toml(trained[0] / "config.toml")
    session.train(config, tmp_path / "again", Report(io.StringIO()))
    first, second = (without_speed(read(folder / "metrics.jsonl")) for folder in (trained[0], tmp_path / "again"))
    assert first == second
    model = "model.safetensors"
    assert (trained[0] / model).read_bytes() == (tmp_path / "again" / model).read_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"readout": "linear"},
        {"readout": "spikes", "loss": "spike_sum"},
        {"readout": "spikes", "loss": "spike_count_error", "hidden": "32"},
        {"loss": "max_membrane", "recurrent": "true", "bias": "true", "reset": "subtract"},
        {"loss": "summed_over_steps", "tau_ms": "20", "max_activity": "0.2", "surrogate": "Arctan(2.0)"},
        {"sparse": "false", "second_threshold": "-inf"},
        {"anneal_window": "true", "jitter_pixels": "1", "time_skew": "0.1", "event_drop": "0.1"},
        {"validation": "0", "initial_activity": "none", "weight_decay": "0.01", "crop": "32"},
    ],
)
def test_settings_run(data: Path, tmp_path: Path, changes: dict[str, str]) -> None:
    outcome = session.train(small_config(data, epochs="1", **changes), tmp_path / "run", Report(io.StringIO()))
    assert outcome.test is not None
    assert math.isfinite(outcome.test.loss)
    again = session.evaluate_run(tmp_path / "run", None, "test", Report(io.StringIO()))
    assert without_speed([again]) == without_speed([outcome.test])


def test_what_a_cap_drops_is_reported(data: Path, tmp_path: Path) -> None:
    stream = io.StringIO()
    session.train(small_config(data, epochs="1", max_activity="0.01"), tmp_path / "run", Report(stream))
    assert re.search(r"^epoch 1 of 1 .* the cap dropped [1-9]\d* ids$", stream.getvalue(), re.MULTILINE)


def test_a_run_says_which_kernels_it_used(trained: tuple[Path, str]) -> None:
    assert re.search(r"^2312-32 feed-forward LIF .* sparse, \d+ lanes ", trained[1], re.MULTILINE)


def test_annealing_moves_the_window_and_ends_where_it_should(data: Path) -> None:
    batches = session.loaders(small_config(data))
    config = small_config(data, anneal_window="true")
    model = session.runs.classifier(config, batches.train.dataset.sensor, 10)
    optimizer = torch.optim.AdamW(model.network.parameters())
    trainer = loop.Trainer(model, optimizer, config.training, total=60)
    spikes, labels = next(iter(batches.train))
    edges = []
    for number in range(60):
        trainer.step(spikes, labels, f"step {number}")
        edges.append(float(model.network[0].second_threshold))
    assert edges[:2] == pytest.approx([-100.0, 0.9 - 100.9 / 2])
    assert edges[-1] == pytest.approx(0.9)


def test_weights_that_overflow_stop_the_run_at_their_step(data: Path, tmp_path: Path) -> None:
    config = small_config(data, learning_rate="1e38", warmup_steps="0")
    message = r"^layer \d \(LIF? \d+-\d+\).*: expected finite .* at epoch 1, step \d"
    with pytest.raises(InputError, match=message):
        session.train(config, tmp_path / "run", Report(io.StringIO()))


def test_nothing_is_left_behind_where_the_data_are_bad(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        session.train(small_config(tmp_path / "nowhere"), tmp_path / "run", Report(io.StringIO()))
    assert not (tmp_path / "run").exists()


class Stopping(Report):
    """A report during which the user presses Ctrl-C, after so many epochs."""

    def __init__(self, epochs: int) -> None:
        super().__init__(io.StringIO())
        self.epochs = epochs

    def line(self, text: str) -> None:
        super().line(text)
        if text.startswith("epoch"):
            self.epochs -= 1
            if self.epochs == 0:
                signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("validation", ["0.25", "0"])
def test_an_interrupt_saves_what_is_done(data: Path, tmp_path: Path, validation: str) -> None:
    report, run = Stopping(epochs=2), tmp_path / "run"
    config = small_config(data, epochs="50", validation=validation)
    outcome = session.train(config, tmp_path / "run", report)
    assert outcome.test is None
    assert report.stream.getvalue().splitlines()[-1] == f"stopped; go on with: spikeloom train --run {run} --resume"
    assert {line.epoch for line in read(tmp_path / "run" / "metrics.jsonl")} == {1, 2}
    assert isinstance(spikeloom.load(tmp_path / "run"), torch.nn.Module)


def test_eval_of_a_split_that_is_not_there(data: Path, tmp_path: Path) -> None:
    config: Config = small_config(data, epochs="1", validation="0")
    session.train(config, tmp_path / "run", Report(io.StringIO()))
    with pytest.raises(InputError, match="split: expected train or test, got validation; the run held nothing out"):
        session.evaluate_run(tmp_path / "run", None, "validation", Report(io.StringIO()))


def test_eval_where_the_data_have_moved(trained: tuple[Path, str], tmp_path: Path) -> None:
    elsewhere = write_nmnist(tmp_path / "moved", test=1)
    metrics = session.evaluate_run(trained[0], str(elsewhere), "test", Report(io.StringIO()))
    assert metrics.accuracy == 1.0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_layers_take_the_precision_of_the_settings(precision: Literal["fp32", "bf16"]) -> None:
    layer, x = LIF(70, 66, sparse=True), (torch.rand(5, 3, 70) < 0.3).float()
    with session.computing(TrainingSettings(precision=precision)):
        layer(x)
    assert ("bfloat16" in layer.explain()["route"]) == (precision == "bf16")
    layer(x)
    assert "bfloat16" not in layer.explain()["route"], "the caller's autocast is as it was"


def test_a_run_on_a_gpu_that_is_not_there_leaves_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, built=False)
    with pytest.raises(InputError, match="^--device cuda: expected a GPU that torch can use, got a build of torch wit"):
        session.train(small_config(data, device="cuda"), tmp_path / "run", Report(io.StringIO()))
    assert not (tmp_path / "run").exists()


def test_a_run_on_a_gpu_is_one_on_the_cpu(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is done for a GPU is done, and the CPU computes in its place: weights and metrics are the same."""
    session.train(small_config(data), tmp_path / "cpu", Report(io.StringIO()))
    with monkeypatch.context() as patch:
        asked = stand_in(patch)
        session.train(small_config(data, device="cuda:1"), tmp_path / "gpu", Report(io.StringIO()))
        reads = asked.count("read")
    # Two epochs of three batches to train on and one to validate, and two to test.
    assert reads == 2 * (3 + 1) + 2
    assert "pin" in asked
    model = "model.safetensors"
    assert (tmp_path / "gpu" / model).read_bytes() == (tmp_path / "cpu" / model).read_bytes()
    lines = [without_speed(read(tmp_path / name / "metrics.jsonl")) for name in ("cpu", "gpu")]
    assert lines[0] == lines[1]
    assert 'device = "cuda:1"' in (tmp_path / "gpu" / "config.toml").read_text()


def test_a_run_of_a_gpu_is_tested_and_loaded_where_there_is_none(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        stand_in(patch)
        session.train(small_config(data, device="cuda"), run, Report(io.StringIO()))
    answer(monkeypatch, refusal=RuntimeError("No CUDA GPUs are available"))
    assert spikeloom.load(run).device == torch.device("cpu")
    with pytest.raises(InputError, match=r'^device="cuda": expected a GPU .*, got none; .*, or take device="cpu"$'):
        spikeloom.load(run, device="cuda")
    with pytest.raises(InputError, match="^--device cuda: expected a GPU .*, got none; .*, or take --device cpu$"):
        session.evaluate_run(run, None, "test", Report(io.StringIO()))
    found = session.evaluate_run(run, None, "test", Report(io.StringIO()), device="cpu")
    assert without_speed([found]) == without_speed(read(run / "metrics.jsonl")[-1:])
