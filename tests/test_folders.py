"""The user's folders on each system, and how to choose others."""

import sys
from pathlib import Path

import pytest

from spikeloom.data import places
from spikeloom.folders import cache_folder, data_folder

VARIABLES = ("SPIKELOOM_CACHE", "SPIKELOOM_DATA", "XDG_CACHE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA")


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home folder, and no variable that names another."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("platform", "cache", "data"),
    [
        ("linux", ".cache/spikeloom", ".local/share/spikeloom"),
        ("darwin", "Library/Caches/spikeloom", "Library/Application Support/spikeloom"),
        ("win32", "AppData/Local/spikeloom", "AppData/Local/spikeloom"),
    ],
)
def test_each_system_has_its_own(
    home: Path, monkeypatch: pytest.MonkeyPatch, platform: str, cache: str, data: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert (cache_folder(), data_folder()) == (home / cache, home / data)
    assert (places.converted(), places.recordings("shd")) == (home / cache / "data", home / data / "shd")


def test_variables_choose_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "d"))
    assert (cache_folder(), data_folder()) == (tmp_path / "c" / "spikeloom", tmp_path / "d" / "spikeloom")
    monkeypatch.setenv("SPIKELOOM_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv("SPIKELOOM_DATA", str(tmp_path / "sets"))
    assert (places.converted(), places.recordings("ssc")) == (tmp_path / "mine" / "data", tmp_path / "sets" / "ssc")


def test_an_empty_variable_counts_as_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", "")
    assert data_folder() == home / ".local/share/spikeloom"
