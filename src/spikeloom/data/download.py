"""Taking a file from the net: in pieces that a later call goes on from, and checked before anyone uses it."""

import hashlib
import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikeloom.checks import InputError, require

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and those there will be, None if the server does not say."""

BLOCK_BYTES = 1 << 18
TIMEOUT_S = 30.0
ATTEMPTS = 4  # of a connection that is cut, each going on where the last one ended

# A server may refuse a client that does not name itself.
HEADERS = {"User-Agent": "spikeloom", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class Archive:
    """A file that a data set is taken from.

    Args:
        file: its name.
        url: where it is; of a file that only browsers get, the page that has it.
        checksum: "md5:" or "sha256:" and the digest that is published; None where none is.
        browser_only: its server gives it to people, not to programs.
    """

    file: str
    url: str
    checksum: str | None
    browser_only: bool = False

    def by_hand(self, file: Path, command: str) -> str:
        """What a person has to do to have it as `file`, from which `command` then takes it."""
        then = f"and run `{command}` again: it verifies and unpacks it"
        return f"download {self.url} with a browser, put it at {file}, {then}"


class Interrupted(Exception):
    """A transfer that ended too early and can go on."""


def download(url: str, target: Path, progress: Progress = lambda done, total: None) -> None:
    """Take a file from the net, going on with what an earlier call left in `<target>.part`.

    A connection that is cut is tried again a few times. The rest of a file is only asked for if it is still the same
    file by the server's ETag or date; a server that cannot give parts is asked for all of it.

    Args:
        url: http or https.
        target: the file to make; it stands there whole or not at all.
        progress: told how far it is.

    Raises:
        InputError: no network, no such file, a server that fails, or a disk that does.
    """
    require(url.startswith(("http://", "https://")), "url", "one of http or https", url)
    part, tag = target.with_name(target.name + ".part"), target.with_name(target.name + ".part.json")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        reason = ""
        for _ in range(ATTEMPTS):
            try:
                _transfer(url, part, tag, progress)
                break
            except (Interrupted, TimeoutError, ConnectionError, http.client.HTTPException) as error:
                reason = str(error) or type(error).__name__
        else:
            here = part.stat().st_size if part.exists() else 0
            raise InputError(f"{url}: expected a whole file, got {here} bytes and then {reason}; run it again to go on")
        os.replace(part, target)
        tag.unlink(missing_ok=True)
    except urllib.error.HTTPError as error:
        raise InputError(f"{url}: expected a file, got HTTP {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise InputError(f"{url}: expected a file, got {_in_words(error.reason)}") from error
    except OSError as error:
        raise InputError(f"{target}: expected to write this file, got {_in_words(error)}") from error


def verify(file: Path, checksum: str | None, progress: Progress = lambda done, total: None) -> str:
    """Compare a file with its checksum.

    Args:
        file: what to read.
        checksum: as `Archive` has it; None: any file is taken.
        progress: told how far it is.

    Returns:
        The checksum that was compared, or "sha256:" and the file's digest where there is none to compare with.

    Raises:
        InputError: another checksum, or a file that cannot be read.
    """
    kind, _, expected = (checksum or "sha256:").partition(":")
    digest = hashlib.new(kind, usedforsecurity=False)
    try:
        size, done = file.stat().st_size, 0
        with file.open("rb") as stream:
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
                progress(done := done + len(block), size)
    except OSError as error:
        raise InputError(f"{file}: expected a file, got {_in_words(error)}") from error
    got = digest.hexdigest()
    remedy = "it is broken or another file: remove it and run this again"
    require(expected in ("", got), str(file), f"the {kind} checksum {expected}", f"{got} ({size} bytes)", remedy)
    return f"{kind}:{got}"


def _transfer(url: str, part: Path, tag: Path, progress: Progress) -> None:
    """Bring the rest of a file, or all of it."""
    have = part.stat().st_size if part.exists() else 0
    headers = dict(HEADERS)
    if have:
        headers["Range"] = f"bytes={have}-"
        known = _read_tag(tag)
        if known:
            headers["If-Range"] = known
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
            raise
        # All of it is there, or more than all of it.
        if error.headers.get("Content-Range") != f"bytes */{have}":
            part.unlink()
            raise Interrupted("a part that does not belong to the file") from error
        return
    with answer:
        goes_on = answer.status == http.client.PARTIAL_CONTENT and _begins_at(answer) == have
        if answer.status == http.client.PARTIAL_CONTENT and not goes_on:
            part.unlink()
            raise Interrupted("another part than the one asked for")
        _write_tag(tag, answer)
        _receive(answer, part, have if goes_on else 0, progress)


def _receive(answer: Any, part: Path, done: int, progress: Progress) -> None:
    """Write an answer's body behind the first `done` bytes."""
    length = answer.headers.get("Content-Length")
    total = done + int(length) if length is not None else None
    with part.open("ab") as stream:
        stream.truncate(done)
        progress(done, total)
        while block := answer.read(BLOCK_BYTES):
            stream.write(block)
            progress(done := done + len(block), total)
    if total is not None and done < total:
        raise Interrupted(f"the end of the connection, with {total - done} to come")


def _begins_at(answer: Any) -> int | None:
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _read_tag(tag: Path) -> str | None:
    try:
        return str(json.loads(tag.read_text(encoding="utf-8"))["tag"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_tag(tag: Path, answer: Any) -> None:
    """Note what tells this version of the file from another; a weak ETag does not."""
    etag = answer.headers.get("ETag", "")
    known = etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified")
    tag.unlink(missing_ok=True)
    if known:
        tag.write_text(json.dumps({"tag": known}), encoding="utf-8")


def _in_words(reason: object) -> str:
    return (reason.strerror if isinstance(reason, OSError) else None) or str(reason) or type(reason).__name__
