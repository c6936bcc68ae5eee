"""One process to a run folder, with locks of the system and without."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spikeloom import InputError
from spikeloom.train import lock
from spikeloom.train.lock import Lock

HELD = "run folder: expected one that no process writes to, got "
LOCKS = pytest.param(True, marks=pytest.mark.skipif(lock.fcntl is None, reason="this system has no locks on files"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("")
    return path


@pytest.fixture(params=[LOCKS, False], ids=["system", "owner"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the system has locks."""
    if not request.param:
        monkeypatch.setattr(lock, "fcntl", None)
    return bool(request.param)


def test_a_second_one_is_refused_until_the_first_lets_go(file: Path, kind: bool) -> None:
    held = Lock(file, file.parent)
    with pytest.raises(InputError, match=HELD):
        Lock(file, file.parent)
    held.release(file.parent)
    Lock(file, file.parent).release(file.parent)
    assert [path.name for path in file.parent.iterdir()] == ["config.toml"]


def test_it_holds_when_the_folder_gets_another_name(tmp_path: Path, kind: bool) -> None:
    (tmp_path / "before").mkdir()
    (tmp_path / "before" / "config.toml").write_text("")
    held = Lock(tmp_path / "before" / "config.toml", tmp_path / "after")
    (tmp_path / "before").rename(tmp_path / "after")
    with pytest.raises(InputError, match=HELD):
        Lock(tmp_path / "after" / "config.toml", tmp_path / "after")
    held.release(tmp_path / "after")
    assert [path.name for path in (tmp_path / "after").iterdir()] == ["config.toml"]


TAKE_AND_DIE = """
import os, sys
from pathlib import Path
from spikeloom.train import lock
if sys.argv[2] == "False":
    lock.fcntl = None
lock.Lock(Path(sys.argv[1]), Path(sys.argv[1]).parent)
os._exit(9)
"""


def test_one_that_was_killed_holds_nothing(file: Path, kind: bool) -> None:
    died = subprocess.run([sys.executable, "-c", TAKE_AND_DIE, str(file), str(kind)], check=False)
    assert died.returncode == 9
    assert (file.parent / lock.OWNER).exists() is not kind
    Lock(file, file.parent).release(file.parent)


def test_a_process_on_another_machine_is_believed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "fcntl", None)
    (file.parent / lock.OWNER).write_text("1234 elsewhere")
    with pytest.raises(InputError, match=r"which 1234 on elsewhere has; wait until it ends; if it has, delete"):
        Lock(file, file.parent)


def test_a_file_system_without_locks_is_one_with_owners(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fcntl", reason="this system has no locks on files")

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    held = Lock(file, file.parent)
    assert (file.parent / lock.OWNER).read_text().startswith(f"{os.getpid()} ")
    held.release(file.parent)


def test_no_file_to_lock(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.toml: expected a file to write to, got No such file"):
        Lock(tmp_path / "config.toml", tmp_path)
