"""Unpacking: what comes out of honest archives, and that nasty ones leave nothing behind."""

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from spikeloom import InputError
from spikeloom.data.unpack import unpack

FILES = {"Train/3/00001.bin": b"abc" * 1000, "Train/4/00002.bin": b"", "README.txt": b"read me"}


def make_zip(path: Path, files: dict[str, bytes] = FILES) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in files.items():
            pack.writestr(name, content)
    return path


def make_tar(path: Path, files: dict[str, bytes] = FILES) -> Path:
    with tarfile.open(path, "w:gz") as pack:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            pack.addfile(member, io.BytesIO(content))
    return path


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize(("make", "name"), [(make_zip, "a.zip"), (make_tar, "a.tar.gz")])
def test_an_archive_lands_in_the_folder(make: Callable[[Path], Path], name: str, tmp_path: Path) -> None:
    placed = unpack(make(tmp_path / name), tmp_path / "to/here")
    assert content(tmp_path / "to/here") == FILES
    assert [path.name for path in placed] == ["README.txt", "Train"]
    assert sorted(path.name for path in (tmp_path / "to/here").iterdir()) == ["README.txt", "Train"]


def test_a_compressed_file(tmp_path: Path) -> None:
    (tmp_path / "some.h5.gz").write_bytes(gzip.compress(b"content"))
    unpack(tmp_path / "some.h5.gz", tmp_path / "to")
    assert content(tmp_path / "to") == {"some.h5": b"content"}


def refused(archive: Path, folder: Path, message: str, **limits: int) -> None:
    with pytest.raises(InputError, match=message):
        unpack(archive, folder, **limits)
    assert content(folder) == {}
    assert not list(folder.iterdir())


OUTSIDE = ["../out.txt", "/tmp/out.txt", "a/../../out.txt", "C:/out.txt", "a\\..\\out.txt"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_path_out_of_the_folder(name: str, tmp_path: Path) -> None:
    for make, file in ((make_zip, "a.zip"), (make_tar, "a.tar.gz")):
        archive = make(tmp_path / file, {"good.txt": b"1", name: b"2"})
        refused(archive, tmp_path / "to", "member: expected a path inside of the archive, got ")
    assert not (tmp_path / "out.txt").exists()


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (tarfile.SYMTYPE, "/etc"),
        (tarfile.SYMTYPE, "../../out"),
        (tarfile.LNKTYPE, "/etc/passwd"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_a_link_or_a_device_in_a_tar(kind: bytes, link: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as pack:
        member = tarfile.TarInfo("trap")
        member.type, member.linkname = kind, link
        pack.addfile(member)
        through = tarfile.TarInfo("trap/out.txt")
        pack.addfile(through, io.BytesIO())
    refused(tmp_path / "a.tar.gz", tmp_path / "to", "trap: expected a file or a folder, got a link or a device")


def test_a_link_in_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as pack:
        member = zipfile.ZipInfo("trap")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        pack.writestr(member, "/etc")
    refused(tmp_path / "a.zip", tmp_path / "to", "trap: expected a file or a folder, got a link or a device")


@pytest.mark.parametrize(("make", "name"), [(make_zip, "a.zip"), (make_tar, "a.tar.gz")])
def test_a_bomb(make: Callable[[Path, dict[str, bytes]], Path], name: str, tmp_path: Path) -> None:
    archive = make(tmp_path / name, {f"{i}.bin": bytes(3_000_000) for i in range(4)})
    assert archive.stat().st_size < 100_000
    refused(archive, tmp_path / "to", "expected at most 10000000 bytes of content", most_bytes=10_000_000)


def test_a_bomb_of_one_file(tmp_path: Path) -> None:
    (tmp_path / "some.h5.gz").write_bytes(gzip.compress(bytes(20_000_000)))
    refused(tmp_path / "some.h5.gz", tmp_path / "to", "expected at most 10000000 bytes", most_bytes=10_000_000)


def test_a_zip_whose_header_lies_about_the_size(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a.bin": bytes(1_000_000)})
    raw = archive.read_bytes()
    archive.write_bytes(raw.replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    refused(archive, tmp_path / "to", "expected an archive, got Bad CRC-32")


@pytest.mark.parametrize("cut", [1, 7, 40, 100, 1 << 30])
@pytest.mark.parametrize(("make", "name"), [(make_zip, "a.zip"), (make_tar, "a.tar.gz")])
def test_a_cut_archive(make: Callable[[Path], Path], name: str, cut: int, tmp_path: Path) -> None:
    archive = make(tmp_path / name)
    raw = archive.read_bytes()
    archive.write_bytes(raw[: max(0, len(raw) - cut)])
    refused(archive, tmp_path / "to", "expected an archive, got ")


def test_another_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    refused(tmp_path / "a.rar", tmp_path / "to", "expected a .zip, a .tar.gz or a .gz, got .rar")


def test_a_folder_that_stands_there_stays(tmp_path: Path) -> None:
    mine = tmp_path / "to/Train/mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(InputError, match="Train: expected no folder of this name yet, got one; move it elsewhere"):
        unpack(make_zip(tmp_path / "a.zip"), tmp_path / "to")
    assert mine.read_text() == "mine"


def test_a_member_that_comes_twice(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as pack:
        for _ in range(2):
            pack.addfile(tarfile.TarInfo("same.txt"), io.BytesIO())
    refused(tmp_path / "a.tar.gz", tmp_path / "to", "expected each member once, got same.txt twice")
