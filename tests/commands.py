"""The command line as tests call it."""

import sys

import pytest

from spikeloom import cli

COMMAND = [sys.executable, "-c", "import sys; from spikeloom.cli import main; sys.exit(main())"]


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command with unusable input leaves on standard error."""
    status = cli.main(arguments)
    output = capsys.readouterr()
    assert status == 2
    assert output.err.count("\n") == 1
    assert "Traceback" not in output.err
    assert output.err.startswith("spikeloom: ")
    return output.err.removeprefix("spikeloom: ").rstrip("\n")
