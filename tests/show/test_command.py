"""The command line of reports."""

from pathlib import Path

import pytest

from spikeloom import cli, show


def test_show_writes_a_page(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "page.html"
    assert cli.main(["show", str(trained), "--out", str(out), "--neurons", "1, 2"]) == 0
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert capsys.readouterr().out.startswith(f"report     {out}, ")


def test_options_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(show, "write", lambda *given, **named: calls.append((given, named)))
    options = ["--data", "D", "--split", "validation", "--neurons", "3,17", "--device", "cpu", "--open"]
    assert cli.main(["show", "R", *options]) == 0
    named = {"data": "D", "split": "validation", "neurons": [3, 17], "browse": True, "device": "cpu"}
    assert calls == [((Path("R"), None), named)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "spikeloom: run folder: expected a folder that spikeloom train made, got nowhere"),
        (["nowhere", "--neurons", "a"], "spikeloom: --neurons: expected integers with commas between, got 'a'"),
    ],
)
def test_input_that_cannot_be_used(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", *arguments]) == 2
    assert capsys.readouterr().err.startswith(message)


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["show", "--help"])
    assert "\n  spikeloom show " in capsys.readouterr().out
