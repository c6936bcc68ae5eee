"""The command line: what it prints, where, and the status it ends with."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from recordings import small_arguments, write_nmnist

from spikeloom import bench, cli
from spikeloom.train.metrics import read

COMMAND = [sys.executable, "-c", "import sys; from spikeloom.cli import main; sys.exit(main())"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_nmnist(tmp_path / "data")


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command with unusable input leaves on standard error."""
    status = cli.main(arguments)
    output = capsys.readouterr()
    assert status == 2
    assert output.err.count("\n") == 1
    assert "Traceback" not in output.err
    assert output.err.startswith("spikeloom: ")
    return output.err.removeprefix("spikeloom: ").rstrip("\n")


@pytest.mark.parametrize("command", [[], ["train"], ["eval"], ["bench"], ["bench", "step"], ["info"]])
def test_every_command_has_help_with_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main([*command, "--help"])
    shown = capsys.readouterr().out
    assert shown.startswith(" ".join(["usage: spikeloom", *command]))
    assert "example" in shown
    assert "\n  spikeloom " in shown


def test_help_of_train_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    from spikeloom.train.settings import SECTION_OF

    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    shown = capsys.readouterr().out
    assert all(key in shown for key in SECTION_OF)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == "spikeloom 0.1.0\n"


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "digts"], "recipe: expected a known name, or a config.toml, got digts; did you mean digits?"),
        (["train", "digits", "--set", "lr=1"], "setting: expected a known key, got lr; known are dataset"),
        (["train", "digits", "--set", "epoch=1"], "setting: expected a known key, got epoch; did you mean epochs"),
        (["train", "digits", "--set", "epochs"], "setting: expected key=value, got 'epochs'"),
        (["train", "digits", "--epochs", "many"], "epochs: expected an integer, got 'many'"),
        (["train", "digits", "--threads", "0"], "threads: expected an integer of at least 1, got 0"),
        (["train", "digits", "--set", "surrogate=Step"], "surrogate: expected one of SuperSpike"),
        (["train", "nmnist"], "--data: expected the folder of nmnist, the one that holds Train and Test, got none"),
        (["train", "nmnist", "--data", "nowhere"], "Train: expected a folder with the folders 0 to 9, got no such"),
        (["train", "nothing.toml"], "nothing.toml: expected a file of settings, got No such file or directory"),
        (["eval", "nowhere"], "run folder: expected a folder that spikeloom train made, got nowhere"),
    ],
)
def test_input_that_cannot_be_used(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(arguments, capsys)
    assert not list(tmp_path.iterdir())


def test_a_run_folder_that_exists(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(["train", "nmnist", *small_arguments(data), "--run", str(data)], capsys)
    assert line == f"run folder: expected one that does not exist yet, got {data}; choose another with --run"


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


def test_bench_step_passes_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(bench, "run", lambda *given: calls.append(given) or 0, raising=False)
    assert cli.main(["bench", "step"]) == 0
    given = [
        "--case",
        "shd",
        "--activity",
        "0.01",
        "--hidden-activity",
        "0.05",
        "--recurrent",
        "--threads",
        "1",
        "--json",
    ]
    assert cli.main(["bench", "step", *given]) == 0
    assert calls == [("nmnist", 0.015, 0.015, False, None, False), ("shd", 0.01, 0.05, True, 1, True)]


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info"]) == 0
    shown = capsys.readouterr().out
    for name in ("spikeloom", "torch", "processor", "vector width", "threads", "cache L2", "kernels"):
        assert f"\n{name} " in "\n" + shown


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
    assert said.splitlines()[-1] == f"stopped; what was done is saved in {run}"
    assert errors == ""
    assert (run / "model.safetensors").exists()


def test_a_reader_that_leaves_early_is_no_error() -> None:
    process = subprocess.Popen([*COMMAND, "info"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
    process.wait(timeout=60)


def test_the_command_line_starts_without_compiler_or_pictures() -> None:
    heavy = ["numba", "matplotlib", "sklearn", "rich", "scipy"]
    program = f"import sys, spikeloom.cli as c; c._parser(); print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, check=True)
    assert found.stdout == "[]\n"
