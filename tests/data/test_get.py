"""From a server on this machine to a data set that opens; and what a person is told to do where that fails."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from local_server import Server, serving

from spikeloom import InputError
from spikeloom.data import catalogue, places
from spikeloom.data.download import Archive
from spikeloom.data.get import get


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with serving() as state:
        yield state


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPIKELOOM_DATA", str(tmp_path / "data"))


def zipped(nmnist_folder: Path, split: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as pack:
        for file in (nmnist_folder / split).rglob("*.bin"):
            pack.write(file, file.relative_to(nmnist_folder))
    return packed.getvalue()


@pytest.fixture
def listed(server: Server, nmnist_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """The catalogue's N-MNIST, of one archive that lies on the server."""
    server.content = zipped(nmnist_folder, "Train")
    archive = Archive("Train.zip", server.address, "md5:" + hashlib.md5(server.content).hexdigest())
    _list(archive, monkeypatch)
    return archive


def _list(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(catalogue.CATALOGUE["nmnist"], archives=(archive,))
    monkeypatch.setitem(catalogue.CATALOGUE, "nmnist", entry)


def test_get_leaves_a_data_set_that_opens(listed: Archive, server: Server) -> None:
    said: list[str] = []
    folder = get("nmnist", None, said.append)
    assert folder == places.recordings("nmnist")
    assert len(catalogue.open_dataset("nmnist", None, "train")) == 4
    assert said[1] == f"Train.zip: {listed.checksum}, as published"
    assert not (folder / "Train.zip").exists()
    assert json.loads((folder / "Train.zip.unpacked.json").read_text())["checksum"] == listed.checksum
    get("nmnist", None, said.append)
    assert said[-1].startswith("Train.zip: unpacked already")
    assert len(server.asked) == 1


def test_get_without_a_network_says_what_to_do_and_then_does_the_rest(
    listed: Archive, server: Server, tmp_path: Path
) -> None:
    server.status = 404
    folder = tmp_path / "mine"
    with pytest.raises(InputError) as caught:
        get("nmnist", folder, lambda line: None)
    line = str(caught.value)
    assert line.startswith(f"{listed.url}: expected a file, got HTTP 404 Not Found; or download {listed.url} with a br")
    assert (
        f"put it at {folder / 'Train.zip'}, and run `spikeloom data get nmnist --to {folder}` again: it verifies"
        in line
    )
    assert "\n" not in line
    (folder / "Train.zip").write_bytes(server.content)
    get("nmnist", folder, lambda line: None)
    assert len(catalogue.open_dataset("nmnist", folder, "train")) == 4
    assert (folder / "Train.zip").exists(), "what a person put there is theirs"


def test_get_of_an_archive_for_browsers(listed: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _list(replace(listed, browser_only=True), monkeypatch)
    message = "Train.zip: expected this archive, got no such file, and its server gives it to browsers only; download "
    with pytest.raises(InputError, match=message):
        get("nmnist", tmp_path / "mine", lambda line: None)


def test_get_keeps_nothing_with_a_wrong_checksum(
    listed: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _list(replace(listed, checksum="md5:" + "1" * 32), monkeypatch)
    with pytest.raises(InputError, match=f"expected the md5 checksum {'1' * 32}"):
        get("nmnist", tmp_path / "mine", lambda line: None)
    assert not list((tmp_path / "mine").iterdir())


def test_get_without_a_checksum_notes_what_came(
    listed: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _list(replace(listed, checksum=None), monkeypatch)
    said: list[str] = []
    get("nmnist", tmp_path / "mine", said.append)
    note = json.loads((tmp_path / "mine/Train.zip.unpacked.json").read_text())
    assert note["checksum"].startswith("sha256:")
    assert said[1] == f"Train.zip: {note['checksum']}; none is published"


def test_get_of_what_is_made_and_not_read() -> None:
    message = "digits: expected a data set that is downloaded, got one that is not; it needs none: spikeloom data info"
    with pytest.raises(InputError, match=message):
        get("digits", None, print)
    with pytest.raises(InputError, match="folder: expected a data set that is downloaded, .* by --data DIR"):
        get("folder", None, print)
