"""What a data set's recordings depend on, as one text: equal texts mean equal recordings."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from spikeloom.checks import InputError


def of_files(kind: str, files: Iterable[Path], **settings: object) -> str:
    """Name all that recordings read from `files` depend on, so that a converted copy can be found again.

    A file counts with its absolute path, size and time of change, not with its content: that takes microseconds a file.

    Args:
        kind: the reader, such as "nmnist"; whoever changes what a reader makes of a file changes this as well.
        files: what the recordings are read from, in the order of the samples.
        settings: what else the recordings depend on; told apart by `repr`.

    Returns:
        The kind, the settings, and a digest of the files; short enough to be read by people.

    Raises:
        InputError: a file that is not there.
    """
    digest, count = hashlib.sha256(), 0
    for file in files:
        try:
            state = file.stat()
        except OSError as error:
            raise InputError(f"{file}: expected a file, got {error.strerror}; put it back") from error
        # repr keeps two names from running into one, and escapes what is no text
        line = f"{str(file.absolute())!r} {state.st_size} {state.st_mtime_ns}"
        digest.update(line.encode())
        count += 1
    told = " ".join(f"{name}={value!r}" for name, value in sorted(settings.items()))
    return f"{kind} {told} files={count} sha256={digest.hexdigest()}"
