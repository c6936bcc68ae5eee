"""HDF5 files read by a process apart, so that no damaged file can hang, crash or fill the process that trains.

On randomly damaged files of the Heidelberg layout, libhdf5 2.0.0 ends in an endless loop or a segmentation fault about
once in a hundred times, at places that cannot be checked from outside. A process apart turns that into an error.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from spikeloom.checks import InputError

CPU_S = 5.0  # an answer takes less than 1 ms, the first one some 100 ms
UNPACK_AGAIN = "unpack the file again from the official archive"
# run_path, as the folder of a script would come first on the path, and hides packages there
RUN = "import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
CHILD = Path(__file__).with_name("heidelberg_child.py")


@dataclass(frozen=True, eq=False)
class Overview:
    """What a file holds beside its spikes.

    Args:
        labels: `[S]` as they are stored.
        keys: the names of the classes.
        speakers: one a sample, or None where the file tells of none.
    """

    labels: Shaped[np.ndarray, "S"]
    keys: tuple[str, ...]
    speakers: tuple[str, ...] | None


class Apart:
    """One HDF5 file in the layout of the Heidelberg sets; any thread may ask, also after a fork or in a copy.

    Args:
        file: the file.
        cpu_s: processor time in seconds that one answer may take.
    """

    def __init__(self, file: Path, cpu_s: float = CPU_S) -> None:
        self.file, self._cpu_s = file, cpu_s
        self._forget()

    def overview(self) -> Overview:
        """Read all but the spikes.

        Raises:
            InputError: a file that libhdf5 cannot read, in whatever way it fails, or without the published layout.
        """
        head, (labels,) = self._ask(None, arrays=1)
        speakers = head["speakers"]
        return Overview(labels, tuple(head["keys"]), None if speakers is None else tuple(speakers))

    def sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Read `spikes/times` and `spikes/units` of one sample; raises as `overview` does."""
        times, units = self._ask(index, arrays=2)[1]
        return times, units

    def close(self) -> None:
        """End the process; the next question starts another."""
        self._end()
        self._forget()

    def __getstate__(self) -> dict[str, object]:
        return {"file": self.file, "_cpu_s": self._cpu_s}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._forget()

    def _forget(self) -> None:
        self._owner, self._lock = os.getpid(), threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def _end(self) -> None:
        if self._process is not None and self._owner == os.getpid():
            self._finalizer()

    def _ask(self, request: int | None, *, arrays: int) -> tuple[dict[str, Any], list[np.ndarray]]:
        if self._owner != os.getpid():  # a fork shares the pipes with its parent
            self._forget()
        with self._lock:
            process = self._process = self._process or self._start()
            try:
                head, columns = _exchange(process, request)
            except (OSError, ValueError, KeyError, TypeError):
                self._finalizer()
                self._process = None
                raise InputError(self._failed(_end_of(process.returncode, self._cpu_s))) from None
        if "error" in head:
            raise InputError(self._failed(f"this from the HDF5 library: {head['error']}"))
        if len(columns) != arrays:
            raise InputError(self._failed(f"{len(columns)} columns"))
        return head, columns

    def _failed(self, got: str) -> str:
        return f"{self.file}: expected an HDF5 file as published, got {got}; {UNPACK_AGAIN}"

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", RUN, str(CHILD), str(self.file), str(self._cpu_s)]
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing, env=environment)
        self._finalizer = weakref.finalize(self, _stop, process, os.getpid())
        return process


def _exchange(process: subprocess.Popen[bytes], request: int | None) -> tuple[dict[str, Any], list[np.ndarray]]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()
    head = json.loads(process.stdout.readline())
    columns = []
    for dtype, count in head.get("arrays", []):
        kind = np.dtype(dtype)
        raw = process.stdout.read(count * kind.itemsize)
        columns.append(np.frombuffer(raw, kind, count))
    return head, columns


def _stop(process: subprocess.Popen[bytes], owner: int) -> None:
    """End the process and close the pipes, in the process that started it only."""
    if owner != os.getpid():
        return
    if process.poll() is None and process.stdin is not None:
        process.terminate()
    for pipe in (process.stdin, process.stdout):
        try:
            if pipe is not None:
                pipe.close()
        except OSError:  # what was left to write has no reader
            pass
    process.wait()


def _end_of(code: int | None, cpu_s: float) -> str:
    """How a process ended that answered no more."""
    if hasattr(signal, "SIGPROF") and code == -signal.SIGPROF:
        return f"one on which the HDF5 library runs for more than {cpu_s:g} s"
    return f"one on which the HDF5 library fails (exit status {code})"
