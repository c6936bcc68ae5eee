"""Converted data sets on disk: each a folder that is made under another name and renamed when it is whole."""

import hashlib
import json
import mmap
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from spikeloom.checks import InputError, require
from spikeloom.data import places
from spikeloom.data.dataset import Dataset
from spikeloom.data.store import Progress, Store, id_type, packed

FORMAT = 1
"""Goes up with every change of what is written."""

META, TIMES, IDS, START = "meta.json", "t_us.bin", "ids.bin", "start.bin"
UNFINISHED = ".unfinished"
ABANDONED_S = 24 * 3600
"""An unfinished folder that nothing was written to for so long is of a process that was killed."""


def find_or_make(dataset: Dataset, denoise_ms: float, progress: Progress | None) -> Store:
    """The converted form of a data set that has an `identity`; made if it is not there, or not whole.

    Processes that make it at once do not meet: each makes its own, and the first that is done is kept.

    Raises:
        InputError: a recording that cannot be used, or a cache folder that cannot be written.
    """
    folder = folder_of(dataset, denoise_ms)
    found = _open(folder, len(dataset))
    if found is None:
        with _writing():
            folder.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(folder.parent)
        _make(folder, dataset, denoise_ms, progress)
        found = _open(folder, len(dataset))
    require(found is not None, str(folder), "what was just converted", "something else", "run it again")
    assert found is not None
    return found


def folder_of(dataset: Dataset, denoise_ms: float) -> Path:
    """Where the converted form of a data set that has an `identity` lies, or would lie."""
    described = f"{FORMAT}|{_identity(dataset)}|{dataset.sensor}|{float(denoise_ms)!r}"
    return places.converted() / hashlib.sha256(described.encode(errors="surrogateescape")).hexdigest()[:32]


def size() -> int:
    """How many bytes all converted data sets take."""
    folder = places.converted()
    return sum(file.stat().st_size for file in folder.glob("*/*") if file.is_file()) if folder.is_dir() else 0


def _make(folder: Path, dataset: Dataset, denoise_ms: float, progress: Progress | None) -> None:
    for times in (np.int32, np.int64):
        with _writing():
            unfinished = _beside(folder)
            unfinished.mkdir()
        try:
            if _write(unfinished, dataset, denoise_ms, times, progress):
                return _rename(unfinished, folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def _write(
    folder: Path, dataset: Dataset, denoise_ms: float, times: type[np.integer[Any]], progress: Progress | None
) -> bool:
    """Write all recordings, one at a time; false where a time does not fit its type."""
    start = np.zeros(len(dataset) + 1, np.int64)
    with _new_file(folder / TIMES) as times_file, _new_file(folder / IDS) as ids_file:
        for index in range(len(dataset)):
            t_us, ids = packed(dataset, index, denoise_ms)
            if len(t_us) and t_us[-1] > np.iinfo(times).max:
                return False
            with _writing():
                times_file.write(t_us.astype(times).data)
                ids_file.write(ids.data)
            start[index + 1] = start[index] + len(ids)
            if progress is not None:
                progress(index + 1, len(dataset))
    require(start[-1] > 0, "denoise_ms", "a time within which events have neighbours", denoise_ms, "raise it")
    types = {"t_us": np.dtype(times).str, "ids": np.dtype(id_type(dataset.sensor)).str}
    facts = {
        "samples": len(dataset),
        "events": int(start[-1]),
        "denoise_ms": denoise_ms,
        "identity": _identity(dataset),
    }
    for name, content in ((START, start.tobytes()), (META, json.dumps({"format": FORMAT} | facts | types).encode())):
        with _new_file(folder / name) as file, _writing():
            file.write(content)
    return True


def _identity(dataset: Dataset) -> str:
    return str(dataset.identity)  # type: ignore[attr-defined]


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write; where all goes well it is on the disk in the end, lest a power cut empty what was renamed."""
    with _writing():
        file = open(path, "wb")  # noqa: SIM115, only some of what follows is about writing
    try:
        yield file
        with _writing():
            file.flush()
            os.fsync(file.fileno())
    finally:
        with suppress(OSError):
            file.close()


def _rename(unfinished: Path, folder: Path) -> None:
    """Put a whole folder in its place, unless another process was first."""
    try:
        os.rename(unfinished, folder)
    except OSError:
        # What is there is of another process, or it is what could not be opened.
        if _open(folder, None) is None:
            with _writing():
                damaged = _beside(folder)
                os.rename(folder, damaged)
                os.rename(unfinished, folder)
            shutil.rmtree(damaged, ignore_errors=True)


def _beside(folder: Path) -> Path:
    """A name that no other process takes, and that tells what lies there from what is whole."""
    return folder.with_name(f"{folder.name}-{secrets.token_hex(8)}{UNFINISHED}")


def _open(folder: Path, samples: int | None) -> Store | None:
    """The arrays of a folder, or None where it is not there or not whole."""
    try:
        facts = json.loads((folder / META).read_text(encoding="utf-8"))
        events, recordings = int(facts["events"]), int(facts["samples"])
        (t_us, times), (ids, ids_map) = (
            _map(folder / name, np.dtype(facts[key]), events) for name, key in ((TIMES, "t_us"), (IDS, "ids"))
        )
        start = np.fromfile(folder / START, np.int64)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    whole = len(start) == recordings + 1 and samples in (None, recordings)
    if not whole or start[0] != 0 or start[-1] != events or (np.diff(start) < 0).any():
        return None
    return Store(t_us, ids, start, np.arange(recordings, dtype=np.int64), (times, ids_map))


def _map(file: Path, kind: np.dtype[Any], count: int) -> tuple[np.ndarray, mmap.mmap]:
    with open(file, "rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    if len(mapped) != count * kind.itemsize:
        raise ValueError(f"{file} is not whole")
    return np.frombuffer(mapped, kind), mapped


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"*{UNFINISHED}"):
        try:
            changed = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
        except OSError:  # its process has just finished it
            continue
        if time.time() - changed > ABANDONED_S:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _writing() -> Iterator[None]:
    """Say of an error while writing where the cache lies and how to move it."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{places.converted()}: expected room to convert the data set, got {error.strerror}; "
            "make room, or name another folder with the environment variable SPIKELOOM_CACHE"
        ) from error
