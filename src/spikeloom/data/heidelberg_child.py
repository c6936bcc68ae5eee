"""The process apart that reads the HDF5 files of the Heidelberg sets; see `heidelberg_apart.py` for why.

It is run as a script and imports nothing of spikeloom. Requests come as lines of JSON; an answer is a line of JSON and
then the bytes of the arrays that the line describes. Arguments: the file, and the processor time in seconds that an
answer may take.
"""

import json
import os
import signal
import sys
from types import ModuleType
from typing import BinaryIO

import h5py
import numpy as np

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows
    resource = None

SPARE_BYTES = 128 << 20  # what libhdf5's caches and the interpreter may need beside a multiple of the file's size
TIMES_FILE = 4


def main(path: str, cpu_s: float) -> None:
    """Answer requests until there are no more."""
    size = os.path.getsize(path)
    _limit_memory(SPARE_BYTES + TIMES_FILE * size)
    file, out = None, sys.stdout.buffer
    for request in sys.stdin:
        # libhdf5 can loop without end inside C, where only a signal's default action reaches it. Processor time is
        # counted and not time of day, so that a slow disk is no hang.
        _limit_time(cpu_s)
        try:
            file = file or h5py.File(path, "r")
            index = json.loads(request)
            head, arrays = _overview(file, size) if index is None else ({}, _sample(file, index))
            head["arrays"] = [[array.dtype.str, len(array)] for array in arrays]
        # whatever libhdf5 and h5py raise on a damaged file is an answer, not a reason to end
        except Exception as error:
            head, arrays = {"error": " ".join(str(error).split())[:300] or type(error).__name__}, []
        _limit_time(0)
        _send(out, head, arrays)


def _limit_time(cpu_s: float) -> None:
    """Let processor time beyond this end the process; 0 takes the limit away. Windows has no such limit."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, cpu_s)


def _limit_memory(spare: int) -> None:
    """Let allocations beyond `spare` bytes fail, so that a damaged length is an error and not a full machine."""
    if resource is None:
        return
    try:
        with open("/proc/self/statm") as status:
            now = int(status.read().split()[0]) * resource.getpagesize()
    except OSError:  # other systems than Linux do not tell, and do not keep such a limit
        return
    resource.setrlimit(resource.RLIMIT_AS, (now + spare, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _send(out: BinaryIO, head: dict[str, object], arrays: list[np.ndarray]) -> None:
    out.write(json.dumps(head).encode() + b"\n")
    for array in arrays:
        out.write(np.ascontiguousarray(array).tobytes())
    out.flush()


def _overview(file: h5py.File, size: int) -> tuple[dict[str, object], list[np.ndarray]]:
    """The labels, the speakers where there are any, and the names of the classes."""
    labels = _column(file, "labels", size)
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels of type {labels.dtype}")
    for name in ("spikes/times", "spikes/units"):
        if file[name].shape != labels.shape:
            raise ValueError(f"{name} of shape {file[name].shape} beside {len(labels)} labels")
    speakers = _column(file, "extra/speaker", size) if "extra/speaker" in file else None
    if speakers is not None and speakers.shape != labels.shape:
        raise ValueError(f"extra/speaker of shape {speakers.shape} beside {len(labels)} labels")
    keys = [bytes(key).decode() if isinstance(key, bytes) else str(key) for key in _column(file, "extra/keys", size)]
    told = None if speakers is None else [_text(speaker) for speaker in speakers]
    return {"keys": keys, "speakers": told}, [labels]


def _column(file: h5py.File, name: str, size: int) -> np.ndarray:
    data = file[name]
    if data.ndim != 1 or data.size * data.dtype.itemsize > size:
        raise ValueError(f"{name} of shape {data.shape}, which a file of {size} bytes cannot hold")
    column: np.ndarray = data[()]
    return column


def _text(speaker: object) -> str:
    return speaker.decode() if isinstance(speaker, bytes) else str(speaker)


def _sample(file: h5py.File, index: int) -> list[np.ndarray]:
    columns = [np.atleast_1d(file[name][index]) for name in ("spikes/times", "spikes/units")]
    for column in columns:
        if column.ndim != 1 or column.dtype.kind not in "fiu":
            raise ValueError(f"spikes of shape {column.shape} and type {column.dtype}")
    return columns


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
