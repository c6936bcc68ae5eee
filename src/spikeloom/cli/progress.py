"""How far something is: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_EVERY_S = 30.0

Told = Callable[[int, int | None], None]


@contextmanager
def progress(title: str, unit: str) -> Iterator[Told]:
    """While open, yields what to tell how much is done and how much there is to do, None if nobody knows.

    Args:
        title: stands before the bar.
        unit: what is counted; "MB" for bytes.
    """
    with _bar(title, unit) if sys.stdout.isatty() else _lines(title, unit) as told:
        yield told


@contextmanager
def _bar(title: str, unit: str) -> Iterator[Told]:
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    amount = DownloadColumn() if unit == "MB" else MofNCompleteColumn()
    with Progress(TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn(), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _lines(title: str, unit: str) -> Iterator[Told]:
    last, size = time.monotonic(), 1e6 if unit == "MB" else 1

    def told(done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_EVERY_S:
            last = time.monotonic()
            whole = f" of {total / size:.0f}" if total else ""
            print(f"{title}: {done / size:.0f}{whole} {unit}", flush=True)

    yield told
