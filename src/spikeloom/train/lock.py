"""Only one process writes to a run folder at a time."""

import os
import socket
from pathlib import Path
from types import ModuleType
from typing import Any

from spikeloom.checks import InputError, require

fcntl: ModuleType | Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

OWNER = ".lock"
"""Where there are no locks on files, this one names the process that writes."""


class Lock:
    """Holds a folder until it is released or the process ends.

    It is a lock on a file in the folder, which the system takes away when a process ends in any way. Where the system
    or the file system has none, a file with the process's number stands for it, and counts as long as that one lives.

    Args:
        file: in the folder, which exists.
        folder: what errors call it.

    Raises:
        InputError: another process holds the folder, or the file cannot be opened.
    """

    def __init__(self, file: Path, folder: Path) -> None:
        self._owner: Path | None = None
        try:
            # Network file systems lock only what is open for writing.
            self._descriptor = os.open(file, os.O_RDWR)
        except OSError as error:
            raise InputError(f"{file}: expected a file to write to, got {error.strerror}") from error
        try:
            self._take(file, folder)
        except BaseException:
            os.close(self._descriptor)
            raise

    def _take(self, file: Path, folder: Path) -> None:
        if fcntl is not None:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                raise InputError(_held(folder, "wait until it ends, or stop it")) from error
            except OSError:
                pass  # a file system without locks
        self._owner = file.with_name(OWNER)
        _own(self._owner, folder)

    def release(self, folder: Path) -> None:
        """Let other processes have the folder, which may have got another name since."""
        if self._owner is not None:
            (folder / OWNER).unlink(missing_ok=True)
        os.close(self._descriptor)


def _own(path: Path, folder: Path) -> None:
    """Write this process's number and machine into a file that does not exist."""
    for _ in range(2):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            _remove_if_dead(path, folder)
            continue
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{os.getpid()} {socket.gethostname()}")
        return
    raise InputError(_held(folder, "wait until it ends, or stop it"))


def _remove_if_dead(path: Path, folder: Path) -> None:
    import psutil

    try:
        number, _, host = path.read_text().partition(" ")
    except FileNotFoundError:
        return
    remedy = f"wait until it ends; if it has, delete {path}"
    here = host in ("", socket.gethostname())
    alive = not here or (number.isdigit() and psutil.pid_exists(int(number)))
    require(not alive, "run folder", "one that no process writes to", f"{folder}, which {number} on {host} has", remedy)
    path.unlink(missing_ok=True)


def _held(folder: Path, remedy: str) -> str:
    return f"run folder: expected one that no process writes to, got {folder}; {remedy}"
