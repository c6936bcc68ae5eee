"""The command line: what it prints, where, and the status it ends with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import COMMAND, refused

from spikeloom import cli

COMMANDS = [[], ["train"], ["eval"], ["show"], ["data"], ["data", "list"], ["data", "get"], ["data", "info"]]
COMMANDS += [["recipes"], ["bench"], ["bench", "step"], ["info"]]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main([*command, "--help"])
    shown = capsys.readouterr().out
    assert shown.startswith(" ".join(["usage: spikeloom", *command]))
    assert "example" in shown
    assert "\n  spikeloom " in shown


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == "spikeloom 0.1.0\n"


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
        (["train", "nmnist"], "--data: expected Train and Test with a folder for each digit of nmnist, got none in "),
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
