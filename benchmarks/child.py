"""The process that runs one implementation on one case, as its parent tells it.

    python -m benchmarks.child CASE_FILE IMPLEMENTATION THREADS

Each line on standard input is a command in JSON, `{"do": NAME, ...}`, and is answered by a line of JSON on standard
output: `build` (and warm up), `step` with `times`, `activity`, `memory` (instead of `build`), `trim`. A failure is
answered by `{"error": ...}`. What libraries print goes to standard error. The process ends with its input.

It runs in any environment: nothing here imports spikeloom.
"""

import ctypes
import gc
import json
import os
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, TextIO

WARM_UP = 2


def main(arguments: list[str]) -> int:
    """Obey commands until there are none; the exit status is 0."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    threads = int(arguments[2])
    _keep_to(threads)
    # OpenMP gives each calling thread workers of its own, which inherit its control word when they start: so all work
    # is done in a new thread that says first that denormal numbers are zero.
    thread = threading.Thread(target=_serve, args=(Path(arguments[0]), arguments[1], threads, answers))
    thread.start()
    thread.join()
    return 0


def _keep_to(threads: int) -> None:
    """Let the process use so many processors and no more, whatever libraries think of their threads."""
    if hasattr(os, "sched_setaffinity"):
        available = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, available[:threads])


def _serve(path: Path, name: str, threads: int, answers: TextIO) -> None:
    import torch

    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
    runner = Runner(path, name)
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = runner.obey(command.pop("do"), **command)
        except (Exception, SystemExit) as failure:
            answer = {"error": f"{type(failure).__name__}: {str(failure).strip() or 'no message'}"}
        answers.write(json.dumps(answer) + "\n")


class Runner:
    """An implementation on a case.

    Args:
        path: the case's file.
        name: the adapter's module in `benchmarks.peers`.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self.built: Any = None

    def obey(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Carry a command out, and return its answer."""
        answers: dict[str, Any] = getattr(self, f"do_{what}")(**arguments)
        return answers

    def do_build(self) -> dict[str, Any]:
        """Import, build and warm up; tells what ran, or `unsupported` and why."""
        from benchmarks import files

        adapter = import_module(f"benchmarks.peers.{self.name}")
        case = files.load(self.path)
        reason = adapter.supports(case)
        if reason is not None:
            return {"unsupported": reason}
        self.built = adapter.build(case)
        del case
        gc.collect()
        seconds = self.do_step(WARM_UP)["seconds"]
        versions = ", ".join(f"{package} {metadata.version(package)}" for package in adapter.PACKAGES)
        about = {"version": versions, "number_type": adapter.NUMBER_TYPE, "note": adapter.NOTE}
        return {**about, "seconds": seconds, "flushed": flushes_denormals()}

    def do_step(self, times: int) -> dict[str, Any]:
        """Take steps; tells how long each took."""
        seconds = []
        for _ in range(times):
            start = time.perf_counter()
            self.built.step()
            seconds.append(time.perf_counter() - start)
        return {"seconds": seconds}

    def do_activity(self) -> dict[str, Any]:
        """Each hidden layer's activity."""
        return {"activity": self.built.activity()}

    def do_trim(self) -> dict[str, Any]:
        """Give back to the system what is free."""
        gc.collect()
        # Only glibc knows how.
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        return {}

    def do_memory(self) -> dict[str, Any]:
        """The peak of a step beyond weights, gradients and moments, in bytes; None where the system tells none."""
        from benchmarks import files, peak

        adapter = import_module(f"benchmarks.peers.{self.name}")
        reason = adapter.supports(files.load(self.path))
        return {"unsupported": reason} if reason is not None else {"bytes": peak.measure(adapter.build, self.path)}


def flushes_denormals() -> bool:
    """Whether torch's products of tiny numbers come out as zero on all threads."""
    import torch

    tiny = torch.full((1 << 20,), 1e-30) * 1e-10
    # A comparison would itself take a denormal number for zero.
    return int(tiny.view(torch.int32).count_nonzero()) == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
