"""The first Ctrl-C is noted, the second stops at once, and afterwards all is as it was."""

import signal
import threading

import pytest

from spikeloom.train.interrupt import Interrupt


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_the_first_is_noted_and_the_second_raises() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupt() as interrupt:
        interrupt.heed()
        press()
        assert interrupt.asked
        interrupt.heed()
        with pytest.raises(KeyboardInterrupt):
            press()
    assert signal.getsignal(signal.SIGINT) is before


def test_before_it_is_heeded_it_raises() -> None:
    with Interrupt() as interrupt, pytest.raises(KeyboardInterrupt):
        press()
    assert not interrupt.asked


def test_an_error_puts_back_what_was_there() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), Interrupt() as interrupt:  # noqa: PT012
        interrupt.heed()
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is before


def test_where_it_is_ignored_it_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupt() as interrupt:
            interrupt.heed()
            press()
            assert not interrupt.asked
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_it_alone() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with Interrupt() as interrupt:
            interrupt.heed()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
