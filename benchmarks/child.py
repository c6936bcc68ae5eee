"""The process that runs one implementation on one case, as its parent tells it.

    python -m benchmarks.child CASE_FILE IMPLEMENTATION THREADS [DEVICE]

DEVICE is "cpu", or a GPU with its number.

Each line on standard input is a command in JSON, `{"do": NAME, ...}`, and is answered by a line of JSON on standard
output: `build` (and warm up), `step` with `times` and `each`, `activity`, `memory` (instead of `build`, which on a GPU
tells memory too), `trim`. A failure is answered by `{"error": ...}`. What libraries print goes to standard error. The
process ends with its input.

It runs in any environment: nothing here imports spikeloom.
"""

import ctypes
import gc
import json
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, TextIO

WARM_UP = 2


def main(arguments: list[str]) -> int:
    """Obey commands until there are none; the exit status is 0."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    threads, device = int(arguments[2]), (arguments[3] if len(arguments) > 3 else "cpu")
    _keep_to(threads)
    # OpenMP gives each calling thread workers of its own, which inherit its control word when they start: so all work
    # is done in a new thread that says first that denormal numbers are zero.
    thread = threading.Thread(target=_serve, args=(Path(arguments[0]), arguments[1], threads, device, answers))
    thread.start()
    thread.join()
    return 0


def _keep_to(threads: int) -> None:
    """Let the process use so many processors and no more, whatever libraries think of their threads."""
    if hasattr(os, "sched_setaffinity"):
        available = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, available[:threads])


def _serve(path: Path, name: str, threads: int, device: str, answers: TextIO) -> None:
    import torch

    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
    runner = Runner(path, name, device)
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
        device: where it works, as torch calls it.
    """

    def __init__(self, path: Path, name: str, device: str = "cpu") -> None:
        self.path, self.name, self.device = path, name, device
        self.built: Any = None

    def obey(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Carry a command out, and return its answer."""
        answers: dict[str, Any] = getattr(self, f"do_{what}")(**arguments)
        return answers

    def do_build(self) -> dict[str, Any]:
        """Import, build and warm up; tells what ran, or `unsupported` and why."""
        from benchmarks import files, peak

        adapter = import_module(f"benchmarks.peers.{self.name}")
        case = files.load(self.path)
        reason = adapter.supports(case)
        if reason is not None:
            return {"unsupported": reason}
        on_gpu, memory = self.device != "cpu", dict[str, int]()
        if on_gpu:
            _use(self.device)
            self.built, memory["peak_bytes"] = peak.on_gpu(adapter.build, case, self.device)
        else:
            self.built = adapter.build(case)
        del case
        gc.collect()
        seconds = self.do_step(WARM_UP)["seconds"]
        note = "; ".join(part for part in (adapter.NOTE, self.built.note) if part)
        about = {"version": _versions(adapter.PACKAGES, on_gpu), "number_type": adapter.NUMBER_TYPE, "note": note}
        return {**about, **memory, "seconds": seconds, "flushed": on_gpu or flushes_denormals()}

    def do_step(self, times: int, each: int = 1) -> dict[str, Any]:
        """Take steps; tells so many times how long one took, each time of so many steps in a row."""
        import torch

        from benchmarks import clock

        timed = clock.of(torch.device(self.device))
        return {"seconds": [timed(self.built.step, each) for _ in range(times)]}

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


def _use(device: str) -> None:
    """Have torch start its part for GPUs, which says why where it cannot, and make a GPU the current one."""
    import torch

    torch.cuda.init()  # type: ignore[no-untyped-call]
    torch.cuda.set_device(device)


def _versions(packages: Sequence[str], on_gpu: bool) -> str:
    """The versions of packages, and of what drives a GPU."""
    import torch

    found = [f"{package} {_version(package)}" for package in packages]
    found += [f"triton {_version('triton')}", f"CUDA {torch.version.cuda}"] if on_gpu else []
    return ", ".join(found)


def _version(package: str) -> str:
    """As it is installed, or as its source says where it runs from there."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        with suppress(ImportError):
            return str(import_module(package).__version__)
        return "of unknown version"


def flushes_denormals() -> bool:
    """Whether torch's products of tiny numbers come out as zero on all threads."""
    import torch

    tiny = torch.full((1 << 20,), 1e-30) * 1e-10
    # A comparison would itself take a denormal number for zero.
    return int(tiny.view(torch.int32).count_nonzero()) == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
