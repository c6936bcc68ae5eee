"""spikeloom train and spikeloom eval: what they print, and how they end."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import COMMAND, refused
from fake_gpu import answer
from recordings import small_arguments

from spikeloom import cli
from spikeloom.train.metrics import read


def test_help_of_train_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    from spikeloom.train.settings import SECTION_OF

    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    shown = capsys.readouterr().out
    assert all(key in shown for key in SECTION_OF)


def test_train_then_eval(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(tmp_path / "run")
    arguments = ["train", "nmnist", *small_arguments(data), "--data", str(data), "--epochs", "1", "--run", run]
    assert cli.main(arguments) == 0
    said = capsys.readouterr().out
    assert said.startswith("nmnist: 18 samples to train, 6 to validate, 12 to test; network 2312 - 32 - 16 - 10")
    assert "epoch 1 of 1  loss " in said
    assert said.rstrip().endswith(run)
    assert "\x1b" not in said
    assert cli.main(["eval", run, "--split", "validation"]) == 0
    assert capsys.readouterr().out.startswith("validation accuracy ")


def test_a_config_file_is_a_recipe(data: Path, tmp_path: Path) -> None:
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    assert cli.main(["train", "nmnist", *small_arguments(data, epochs="1"), "--seed", "3", "--run", first]) == 0
    assert cli.main(["train", first + "/config.toml", "--run", second]) == 0
    assert (tmp_path / "first/config.toml").read_bytes() == (tmp_path / "second/config.toml").read_bytes()
    losses = [[line.loss for line in read(Path(run) / "metrics.jsonl")] for run in (first, second)]
    assert losses[0] == losses[1]


def test_options_go_before_settings(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = ["--epochs", "1", "--seed", "7", "--threads", "1", "--run", str(run)]
    assert cli.main(["train", "nmnist", *small_arguments(data, epochs="9"), *options]) == 0
    written = (run / "config.toml").read_text()
    assert "epochs = 1\n" in written
    assert "seed = 7\n" in written
    assert "threads = 1\n" in written


def test_a_run_folder_that_exists(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(["train", "nmnist", *small_arguments(data), "--run", str(data)], capsys)
    remedy = "choose another with --run (run=), or go on with that run: --resume (resume=True)"
    assert line == f"run folder: expected one that does not exist yet, got {data}; {remedy}"


def test_a_truncated_recording(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = data / "Train/1/00003.bin"
    file.write_bytes(file.read_bytes()[:-2])
    line = refused(["train", "nmnist", *small_arguments(data), "--run", str(tmp_path / "run")], capsys)
    assert line.startswith(f"{file}: expected 5 bytes per event, got 598 bytes, so it is truncated; ")


def test_a_recording_that_goes_bad_in_the_middle_of_a_run(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = data / "Train/1/00003.bin"
    file.write_bytes(bytes([99]) + file.read_bytes()[1:])
    line = refused(["train", "nmnist", *small_arguments(data), "--run", str(tmp_path / "run")], capsys)
    assert line.startswith(f"{file}: x: expected 0 to 33, got 99 in event 0")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to one process")
def test_ctrl_c_ends_a_run_with_one_line(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = ["train", "nmnist", *small_arguments(data, epochs="100000"), "--run", str(run)]
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == f"stopped; go on with: spikeloom train --run {run} --resume"
    assert errors == ""
    assert (run / "model.safetensors").exists()


def test_a_gpu_that_is_not_there(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, built=False)
    run = tmp_path / "run"
    line = refused(["train", "nmnist", *small_arguments(data), "--device", "cuda", "--run", str(run)], capsys)
    assert line == (
        "--device cuda: expected a GPU that torch can use, got a build of torch without CUDA; "
        "install one for CUDA, as pytorch.org says, or take --device cpu"
    )
    assert not run.exists()
    line = refused(["train", "digits", "--set", "device=gpu"], capsys)
    assert line == "device: expected cpu, cuda or cuda:N, N a GPU's number, got 'gpu'"


def test_a_device_for_a_run_that_is_there(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, built=False)
    run = str(tmp_path / "run")
    assert cli.main(["train", "nmnist", *small_arguments(data, epochs="1"), "--device", "cpu", "--run", run]) == 0
    for command in (["eval", run], ["show", run]):
        assert refused([*command, "--device", "cuda"], capsys).startswith("--device cuda: expected a GPU that torch")
        assert cli.main([*command, "--device", "cpu"]) == 0
        capsys.readouterr()
