"""Putting a data set of the catalogue on disk: download, verify, unpack."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from spikeloom.checks import InputError, require
from spikeloom.data import places
from spikeloom.data.catalogue import named
from spikeloom.data.download import Archive, Progress, download, verify
from spikeloom.data.unpack import unpack

Line = Callable[[str], None]
Bar = Callable[[str], AbstractContextManager[Progress]]
"""Shows, under a title, how far something is while the context is open."""


def get(name: str, folder: Path | None, line: Line, bar: Bar | None = None) -> Path:
    """Put a data set on disk; what is there already, whole or in part, is not taken again.

    An archive that lies in the folder is taken from there, so a person can put it there by hand. One that was
    downloaded goes once it is unpacked; a file beside its content notes what it was.

    Args:
        name: a key of the catalogue.
        folder: where to; None: where data sets are looked for.
        line: told what happens.
        bar: shows how far each download and verification is; None: nothing does.

    Returns:
        The folder that holds the recordings.

    Raises:
        InputError: a set that is not to be had, and what `download`, `verify` and `unpack` find; where the network does
            not give an archive, the message says how to put it there by hand.
    """
    entry = named(name)
    remedy = f"it needs none: spikeloom data info {name}" if not entry.holds else "give its folder by --data DIR"
    require(len(entry.archives) > 0, name, "a data set that is downloaded", "one that is not", remedy)
    command = f"spikeloom data get {name}" + (f" --to {folder}" if folder else "")
    folder = folder or places.recordings(name)
    bar = bar or (lambda title: nullcontext(lambda done, total: None))
    for archive in entry.archives:
        _take(archive, folder, command, line, bar)
    found = entry.find(folder)
    require(found is not None, str(folder), f"{entry.holds} in what was unpacked", "none")
    return found or folder


def _take(archive: Archive, folder: Path, command: str, line: Line, bar: Bar) -> None:
    file, note = folder / archive.file, folder / f"{archive.file}.unpacked.json"
    if note.exists():
        line(f"{archive.file}: unpacked already; remove {note} to take it again")
        return
    by_hand = file.exists()
    if not by_hand:
        with bar(archive.file) as told:
            _fetch(archive, file, command, line, told)
    try:
        with bar(f"verifying {archive.file}") as told:
            checksum = verify(file, archive.checksum, told)
    except InputError:
        if not by_hand:
            file.unlink(missing_ok=True)
        raise
    line(f"{archive.file}: {checksum}" + (", as published" if archive.checksum else "; none is published"))
    unpacked = unpack(file, folder)
    facts = {"file": archive.file, "url": archive.url, "bytes": file.stat().st_size, "checksum": checksum}
    try:
        note.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        if not by_hand:
            file.unlink()
    except OSError as error:
        raise InputError(f"{note}: expected to note what was unpacked, got {error.strerror or error}") from error
    line(f"{archive.file}: unpacked to {', '.join(str(path) for path in unpacked)}")


def _fetch(archive: Archive, file: Path, command: str, line: Line, progress: Progress) -> None:
    remedy = archive.by_hand(file, command)
    got = "no such file, and its server gives it to browsers only"
    require(not archive.browser_only, str(file), "this archive", got, remedy)
    line(f"{archive.file}: from {archive.url}")
    try:
        download(archive.url, file, progress)
    except InputError as error:
        raise InputError(f"{error}; or {remedy}") from error
