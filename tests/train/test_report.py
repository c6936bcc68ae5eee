"""Plain lines where there is no terminal, a bar where there is one."""

import io

import pytest

from spikeloom.train import report
from spikeloom.train.report import Report


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_off_a_terminal_quick_work_says_nothing() -> None:
    stream = io.StringIO()
    with Report(stream).progress("epoch 1", 3) as advance:
        for _ in range(3):
            advance()
    assert stream.getvalue() == ""


def test_off_a_terminal_long_work_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "LINE_EVERY_S", 0.0)
    stream = io.StringIO()
    with Report(stream).progress("epoch 1", 3) as advance:
        for _ in range(3):
            advance()
    assert stream.getvalue() == "epoch 1: 1 of 3 batches\nepoch 1: 2 of 3 batches\n"


def test_work_that_was_begun_before_goes_on_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "LINE_EVERY_S", 0.0)
    stream = io.StringIO()
    with Report(stream).progress("converting", 9, 6, unit="recordings") as advance:
        advance()
    assert stream.getvalue() == "converting: 7 of 9 recordings\n"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    with Report(stream).progress("epoch 1", 2) as advance:
        advance()
        advance()
    assert "epoch 1" in stream.getvalue()
    assert "\x1b[" in stream.getvalue()


def test_lines_go_out_at_once() -> None:
    stream = io.StringIO()
    Report(stream).line("done")
    assert stream.getvalue() == "done\n"
