"""Memory that is free: of the machine, and within the limits of control groups."""

from pathlib import Path

import pytest

from spikeloom.train import available


def group(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name.replace("__", ".")).write_text(f"{value}\n")


def listing(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own"
    path.write_text(text)
    return path


def test_version_2(tmp_path: Path) -> None:
    own, groups = listing(tmp_path, "0::/a/b\n"), tmp_path / "groups"
    group(groups / "a" / "b", memory__max="max", memory__current=10, memory__stat="inactive_file 5")
    group(groups / "a", memory__max=1000, memory__current=700, memory__stat="anon 600\ninactive_file 50")
    assert available.group_bytes(groups, own) == 350


def test_version_1(tmp_path: Path) -> None:
    own, groups = listing(tmp_path, "4:cpu:/x\n3:cpuset,memory:/x\n0::/\n"), tmp_path / "groups"
    stat = "inactive_file 1\ntotal_inactive_file 50"
    files = {"memory__usage_in_bytes": 700, "memory__stat": stat}
    group(groups / "memory" / "x", memory__limit_in_bytes=800, **files)
    group(groups / "memory", memory__limit_in_bytes=9223372036854771712, **files)
    assert available.group_bytes(groups, own) == 150


def test_in_a_container_the_own_group_is_mounted_at_the_top(tmp_path: Path) -> None:
    own, groups = listing(tmp_path, "0::/docker/123\n"), tmp_path / "groups"
    group(groups, memory__max=1000, memory__current=990, memory__stat="")
    assert available.group_bytes(groups, own) == 10


@pytest.mark.parametrize("text", ["", "0::/a\n", "nonsense"])
def test_no_limit(tmp_path: Path, text: str) -> None:
    assert available.group_bytes(tmp_path / "groups", listing(tmp_path, text)) is None
    assert available.group_bytes(tmp_path / "groups", tmp_path / "nothing") is None


def test_the_smaller_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(available, "group_bytes", lambda: None)
    machine = available.available_bytes()
    assert machine > 1 << 20
    monkeypatch.setattr(available, "group_bytes", lambda: 12345)
    monkeypatch.setattr(available.sys, "platform", "linux")
    assert available.available_bytes() == 12345
