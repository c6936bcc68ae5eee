"""Downloads from a server on this machine: whole, in parts, cut in the middle; and checksums."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_server import CONTENT, Server, serving

from spikeloom import InputError
from spikeloom.data import download


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as state:
        yield state


def test_a_file_comes_whole_and_progress_is_told(server: Server, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    download.download(server.address, tmp_path / "deep/file", lambda done, total: told.append((done, total)))
    assert (tmp_path / "deep/file").read_bytes() == CONTENT
    assert told[0] == (0, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file"]


def test_a_cut_connection_goes_on_where_it_ended(server: Server, tmp_path: Path) -> None:
    server.cut_after = [300_000, 200_000]
    download.download(server.address, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-", "bytes=500000-"]


def test_what_cannot_be_finished_now_is_finished_by_the_next_call(server: Server, tmp_path: Path) -> None:
    server.cut_after = [100_000] * download.ATTEMPTS
    with pytest.raises(InputError, match="expected a whole file, got 400000 bytes and then .* run it again to go on"):
        download.download(server.address, tmp_path / "file")
    assert not (tmp_path / "file").exists()
    server.asked.clear()
    download.download(server.address, tmp_path / "file")
    assert server.asked == ["bytes=400000-"]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_without_ranges_is_asked_for_all_of_it(server: Server, tmp_path: Path) -> None:
    server.ranges, server.cut_after = False, [300_000]
    download.download(server.address, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-"]


def test_a_file_that_has_changed_begins_anew(server: Server, tmp_path: Path) -> None:
    server.cut_after = [100_000] * download.ATTEMPTS
    with pytest.raises(InputError):
        download.download(server.address, tmp_path / "file")
    server.cut_after, server.etag, server.content = [], '"two"', b"new" * 1000
    download.download(server.address, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"new" * 1000


@pytest.mark.parametrize(("left", "requests"), [(CONTENT, 1), (CONTENT + b"more", 2)])
def test_a_part_that_is_whole_or_too_long(left: bytes, requests: int, server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(left)
    download.download(server.address, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert len(server.asked) == requests


@pytest.mark.parametrize(("status", "words"), [(404, "HTTP 404 Not Found"), (503, "HTTP 503 Service Unavailable")])
def test_an_error_of_the_server(status: int, words: str, server: Server, tmp_path: Path) -> None:
    server.status = status
    with pytest.raises(InputError, match=f"^{server.address}: expected a file, got {words}$"):
        download.download(server.address, tmp_path / "file")
    assert not (tmp_path / "file").exists()


def test_no_server_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="^http://127.0.0.1:9/x: expected a file, got Connection refused$"):
        download.download("http://127.0.0.1:9/x", tmp_path / "file")
    with pytest.raises(InputError, match="url: expected one of http or https, got file:///etc/passwd"):
        download.download("file:///etc/passwd", tmp_path / "file")


def test_a_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="expected to write this file, got "):
        download.download(server.address, tmp_path / "file" / "below")


def test_checksums(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    md5, sha256 = hashlib.md5(CONTENT).hexdigest(), hashlib.sha256(CONTENT).hexdigest()
    assert download.verify(file, f"md5:{md5}") == f"md5:{md5}"
    assert download.verify(file, f"sha256:{sha256}") == f"sha256:{sha256}"
    assert download.verify(file, None) == f"sha256:{sha256}"
    with pytest.raises(InputError, match=f"expected the md5 checksum {'0' * 32}, got {md5} .1000000 bytes.; .*remove"):
        download.verify(file, "md5:" + "0" * 32)
