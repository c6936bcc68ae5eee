"""Writing files so that a kill, a crash or a full disk leaves the old ones or the new ones, never half of one."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spikeloom.checks import InputError


def write(path: Path, content: bytes) -> None:
    """Write a file, and return when the disk has it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, content: bytes) -> None:
    """Write a file beside the one of this name, then put it in its place; a failure leaves what stands there."""
    partial = path.with_name(path.name + ".partial")
    try:
        write(partial, content)
        os.replace(partial, path)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last; where a system cannot, its names last as they do there."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a folder.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


@contextmanager
def writing(what: str, path: Path, remedy: str) -> Iterator[None]:
    """While open, a failure to write is an error about input that names the place.

    Args:
        what: what is written, as it reads after "expected to write".
        path: where.
        remedy: what is still whole, and how to go on.

    Raises:
        InputError: an `OSError` came.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: expected to write {what}, got {error.strerror or error}; {remedy}") from error
