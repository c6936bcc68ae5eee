"""What a run says while it works: a progress bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

LINE_EVERY_S = 30.0
"""Off a terminal, an epoch that lasts longer than this says how far it is, this often."""


class Report:
    """Writes to a stream what people follow a run by.

    Args:
        stream: where to; standard output if None.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = sys.stdout if stream is None else stream

    def line(self, text: str) -> None:
        """Write a line, at once."""
        print(text, file=self.stream, flush=True)

    @contextmanager
    def progress(self, title: str, total: int, done: int = 0, unit: str = "batches") -> Iterator[Callable[[], None]]:
        """Show work of `total` parts, of which some are done, while open; yields what to call after each part."""
        shown = _bar(title, total, done, self.stream) if self.stream.isatty() else self._lines(title, total, done, unit)
        with shown as advance:
            yield advance

    @contextmanager
    def _lines(self, title: str, total: int, done: int, unit: str) -> Iterator[Callable[[], None]]:
        last = time.monotonic()

        def advance() -> None:
            nonlocal done, last
            done += 1
            if time.monotonic() - last >= LINE_EVERY_S and done < total:
                last = time.monotonic()
                self.line(f"{title}: {done} of {total} {unit}")

        yield advance


@contextmanager
def _bar(title: str, total: int, done: int, stream: TextIO) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        task = progress.add_task(title, total=total, completed=done)
        yield lambda: progress.advance(task)
