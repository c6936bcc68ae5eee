"""A child process, from its parent's side."""

import json
import os
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import psutil

from benchmarks.implementations import ROOT, Implementation

COMPILERS = {"TORCHINDUCTOR_COMPILE_THREADS": "2"}
"""For a GPU torch's compiler starts as many processes as there are cores, and a dozen children would each do that."""

RESERVE_BYTES = 1 << 30
"""A child that leaves the machine less memory than this is stopped, before the system picks a process to kill."""


class Failed(Exception):
    """A child cannot go on; the message says why, in a sentence."""


class Child:
    """The process of an implementation on a case.

    Args:
        implementation: which.
        case: the case's file.
        threads: of everything in it.
        environment: variables that it has besides.
        device: where it works: "cpu", or a GPU with its number.
    """

    def __init__(
        self,
        implementation: Implementation,
        case: Path,
        threads: int,
        environment: dict[str, str] | None = None,
        device: str = "cpu",
    ) -> None:
        self.implementation = implementation
        counts = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")}
        command = ["-m", "benchmarks.child", str(case), implementation.name, str(threads), device]
        self._printed = tempfile.TemporaryFile(mode="w+", errors="replace")  # noqa: SIM115 (closed with the child)
        self._process = subprocess.Popen(
            [str(implementation.python), *command],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            env=os.environ | counts | (COMPILERS if device != "cpu" else {}) | (environment or {}),
            text=True,
        )
        self._answers: Queue[str | None] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, what: str, limit_s: float, **arguments: Any) -> dict[str, Any]:
        """Have a command carried out, and wait for its answer.

        Args:
            what: the command.
            limit_s: seconds until the child counts as too slow.
            arguments: the command's.

        Raises:
            Failed: the child failed, died, took too long or took nearly all memory; then it is gone.
        """
        try:
            print(json.dumps({"do": what, **arguments}), file=self._process.stdin, flush=True)
        except (BrokenPipeError, ValueError):
            raise self._failed(f"ended before it could {what}") from None
        answer: dict[str, Any] = json.loads(self._wait(what, limit_s))
        if "error" in answer:
            raise self._failed(_first_line(answer["error"]))
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._printed.close()
        for pipe in (self._process.stdin, self._process.stdout):
            # What was never sent cannot be sent any more.
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self._answers.put(line)
        except ValueError:
            pass  # closed by its owner
        self._answers.put(None)

    def _wait(self, what: str, limit_s: float) -> str:
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            try:
                line = self._answers.get(timeout=0.5)
            except Empty:
                if psutil.virtual_memory().available < RESERVE_BYTES:
                    raise self._failed(f"ran out of memory in {what}") from None
                continue
            if line is None:
                raise self._failed(f"died in {what}: {self._last_words()}")
            return line
        raise self._failed(f"{what} took longer than {limit_s:.0f} s")

    def _failed(self, reason: str) -> Failed:
        if not self._printed.closed:
            self.close()
        return Failed(reason)

    def _last_words(self) -> str:
        status = self._process.wait()
        self._printed.seek(0)
        lines = [line.strip() for line in self._printed.read().splitlines() if line.strip()]
        return _first_line(lines[-1]) if lines else f"exit status {status}"


def _first_line(text: str) -> str:
    line = text.strip().splitlines()[0].replace(str(ROOT), ".")
    return line if len(line) <= 200 else line[:197] + "..."
