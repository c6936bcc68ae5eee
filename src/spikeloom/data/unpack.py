"""Unpacking archives that nobody has looked into: nothing is written outside of the folder, and only so much inside."""

import gzip
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from spikeloom.checks import InputError, require

MOST_BYTES = 32 << 30  # the largest set here, DVS128 Gesture, has 5 GB
MOST_FILES = 200_000  # N-MNIST has 70,000
BLOCK_BYTES = 1 << 20

ANOTHER = "this is not the archive it is taken for: remove it"


def unpack(archive: Path, folder: Path, *, most_bytes: int = MOST_BYTES) -> list[Path]:
    """Unpack a .zip, a .tar.gz or a .gz into a folder.

    Everything is unpacked beside its place first, and what stands at the top is then moved there, so that what is
    found later is whole. Only files and folders are taken: a link or a device in an archive is an error.

    Args:
        archive: named by its kind.
        folder: where its content goes; it is made if it is not there.
        most_bytes: what the content may take.

    Returns:
        What stands at the top of the archive, in its place.

    Raises:
        InputError: a file that is no such archive, is broken, wants to be somewhere else or is too large; something in
            the folder that has the name of what is unpacked; a full disk.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=folder) as place:
            with _reading(archive):
                _unpack(archive, Path(place), min(most_bytes, shutil.disk_usage(folder).free))
            return [_move(entry, folder / entry.name) for entry in sorted(Path(place).iterdir())]
    except OSError as error:
        raise InputError(f"{folder}: expected to unpack {archive.name} here, got {error.strerror or error}") from error


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{archive}: expected an archive, got {error or 'its end'}; {ANOTHER}") from error


def _unpack(archive: Path, place: Path, most_bytes: int) -> None:
    room = _Room(archive, most_bytes)
    if archive.name.endswith(".zip"):
        with zipfile.ZipFile(archive) as pack:
            _unzip(pack, place, room)
    elif archive.name.endswith((".tar.gz", ".tgz")):
        with gzip.open(archive) as stream:
            with tarfile.open(fileobj=stream, mode="r:") as pack:
                _untar(pack, place, room)
            # Behind a tar's end only zeros come, and then the checksum, which is compared where the stream ends.
            while block := stream.read(BLOCK_BYTES):
                room.take(len(block))
    else:
        require(archive.name.endswith(".gz"), str(archive), "a .zip, a .tar.gz or a .gz", archive.suffix)
        with gzip.open(archive) as source:
            _write(source, place / archive.name.removesuffix(".gz"), room)


class _Room:
    """What may still be written."""

    def __init__(self, archive: Path, most_bytes: int) -> None:
        self.archive, self.most, self.bytes, self.files = archive, most_bytes, 0, 0

    def require_space(self, count: int) -> None:
        total = self.bytes + count
        expected = f"at most {self.most} bytes of content, what is allowed and the disk has room for"
        require(total <= self.most, str(self.archive), expected, f"{total} or more", "make room, or " + ANOTHER)

    def take(self, count: int) -> None:
        self.require_space(count)
        self.bytes += count

    def add_file(self) -> None:
        self.files += 1
        require(self.files <= MOST_FILES, str(self.archive), f"at most {MOST_FILES} files", "more")


def _unzip(pack: zipfile.ZipFile, place: Path, room: _Room) -> None:
    members = pack.infolist()
    room.require_space(sum(member.file_size for member in members))
    for member in members:
        room.add_file()
        kind = stat.S_IFMT(member.external_attr >> 16)
        _require_plain(room.archive, member.filename, kind in (0, stat.S_IFREG, stat.S_IFDIR))
        target = _inside(room.archive, member.filename, place)
        if member.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            locked = bool(member.flag_bits & 1)
            require(not locked, f"{room.archive}: {member.filename}", "a file", "an encrypted one", ANOTHER)
            with pack.open(member) as source:
                _write(source, target, room)


def _untar(pack: tarfile.TarFile, place: Path, room: _Room) -> None:
    for member in pack:
        room.add_file()
        _require_plain(room.archive, member.name, member.isreg() or member.isdir())
        target = _inside(room.archive, member.name, place)
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
        else:
            source = pack.extractfile(member)
            assert source is not None  # it is a regular file
            with source:
                _write(source, target, room)


def _inside(archive: Path, name: str, place: Path) -> Path:
    """Where a member goes."""
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name
    require(not outside and path.parts != (), f"{archive}: member", "a path inside of the archive", repr(name), ANOTHER)
    return place.joinpath(*path.parts)


def _require_plain(archive: Path, name: str, plain: bool) -> None:
    require(plain, f"{archive}: {name}", "a file or a folder", "a link or a device", ANOTHER)


def _write(source: IO[bytes] | gzip.GzipFile, target: Path, room: _Room) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    require(not target.exists(), str(room.archive), "each member once", f"{target.name} twice", ANOTHER)
    with target.open("xb") as sink:
        while block := source.read(BLOCK_BYTES):
            room.take(len(block))
            sink.write(block)


def _move(entry: Path, target: Path) -> Path:
    taken = target.exists() and (target.is_dir() or entry.is_dir())
    require(not taken, str(target), "no folder of this name yet", "one", "move it elsewhere and run this again")
    os.replace(entry, target)
    return target
