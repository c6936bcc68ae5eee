"""Ctrl-C while a run trains: the first is a wish to stop at the next training step, the second stops at once."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Stopped(Exception):
    """Training stopped at a training step because it was asked to; a checkpoint holds all of it."""


class Interrupt:
    """Whether Ctrl-C was pressed since `heed`; as a context, what holds for Ctrl-C afterwards is what held before.

    Outside of the main thread, where Python has no signals, and where Ctrl-C is ignored, `asked` stays false.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def heed(self) -> None:
        """From now on the next Ctrl-C only sets `asked`, and the one after that does what it did before."""
        if self._before is not None or self.asked or threading.current_thread() is not threading.main_thread():
            return
        before = signal.getsignal(signal.SIGINT)
        if callable(before):
            self._before = before
            signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self._restore()

    def _restore(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
