"""The threads that run kernels.

A kernel releases the interpreter and takes its tasks from a shared counter, so every worker makes the same call and the
work shares itself out. How it is cut into tasks never depends on the number of workers: neither do the results.

Numba's own threading layers are not used: one aborts when two Python threads call it, another crawls beside torch's
spinning OpenMP threads, a third needs a library that may be absent.
"""

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import numpy as np

_Job = tuple[Callable[..., Any], tuple[Any, ...], "SimpleQueue[BaseException | None]"]


class Workers:
    """Threads that wait for kernels; the calling thread is one of the workers."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._started = 0
        self._lock = threading.Lock()

    def run(self, threads: int, kernel: Callable[..., Any], *arguments: Any) -> None:
        """Call `kernel(counter, *arguments)` on so many threads at once; `counter` is their shared int64 `[1]`."""
        arguments = (np.zeros(1, np.int64), *arguments)
        if threads > 1:
            self._start(threads - 1)
        done: SimpleQueue[BaseException | None] = SimpleQueue()
        for _ in range(threads - 1):
            self._jobs.put((kernel, arguments, done))
        try:
            kernel(*arguments)
        finally:
            failures = [done.get() for _ in range(threads - 1)]
        for failure in failures:
            if failure is not None:
                raise failure

    def _start(self, wanted: int) -> None:
        with self._lock:
            while self._started < wanted:
                name = f"spikeloom-worker-{self._started}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
                self._started += 1

    def _work(self) -> None:
        while True:
            kernel, arguments, done = self._jobs.get()
            try:
                kernel(*arguments)
                done.put(None)
            except BaseException as failure:
                done.put(failure)
            del kernel, arguments, done


_workers = Workers()


def _renew() -> None:
    global _workers
    _workers = Workers()


# A forked child has none of its parent's threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def run(threads: int, kernel: Callable[..., Any], *arguments: Any) -> None:
    """Run a kernel on the process's workers; see `Workers.run`."""
    _workers.run(threads, kernel, *arguments)
