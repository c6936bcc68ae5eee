"""Checkpoints: whole or not there, the last ones kept, torn ones noticed, and what a full disk leaves."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from spikeloom import InputError
from spikeloom.train import checkpoint, files

GO_ON = "spikeloom train --run runs/mine --resume"
TENSORS = {"weight": torch.arange(6.0).view(2, 3), "step": torch.tensor(3.0), "random": torch.get_rng_state()}


def write(run: Path, step: int, tensors: dict[str, Tensor] = TENSORS, keep: int = 2) -> None:
    checkpoint.write(run, step, tensors, {"epoch": step, "loss": 0.1 + 0.2}, keep=keep, go_on=GO_ON)


def names(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def newest_step(run: Path) -> int:
    found, _ = checkpoint.newest(run)
    assert found is not None
    return int(found.state["epoch"])


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    write(tmp_path, 7)
    found, wrong = checkpoint.newest(tmp_path)
    assert found is not None
    assert wrong == []
    assert found.folder.name == "00000007"
    assert found.state == {"epoch": 7, "loss": 0.1 + 0.2}
    assert found.tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert torch.equal(found.tensors[name], value)
        assert found.tensors[name].dtype == value.dtype


def test_strided_tensors_come_back_by_value(tmp_path: Path) -> None:
    value = torch.empty_strided((2, 3, 4), (4, 8, 1)).copy_(torch.arange(24.0).view(2, 3, 4))
    write(tmp_path, 1, {"weight": value})
    found, _ = checkpoint.newest(tmp_path)
    assert found is not None
    assert torch.equal(found.tensors["weight"], value)


def test_the_last_are_kept(tmp_path: Path) -> None:
    for step in range(1, 6):
        write(tmp_path, step, keep=3)
    assert names(tmp_path) == ["00000003", "00000004", "00000005"]
    write(tmp_path, 6, keep=1)
    assert names(tmp_path) == ["00000006"]


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert checkpoint.newest(tmp_path) == (None, [])
    (tmp_path / "checkpoints").mkdir()
    assert checkpoint.newest(tmp_path) == (None, [])


def test_one_of_the_same_step_is_replaced(tmp_path: Path) -> None:
    write(tmp_path, 1)
    write(tmp_path, 1, {"weight": torch.zeros(1)})
    found, _ = checkpoint.newest(tmp_path)
    assert found is not None
    assert list(found.tensors) == ["weight"]
    assert names(tmp_path) == ["00000001"]


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) * 2 // 3] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("name", ["state.safetensors", "state.json"])
@pytest.mark.parametrize("damage", [cut, flip, Path.unlink, lambda file: file.write_bytes(b"")])
def test_a_torn_one_is_noticed_and_the_one_before_taken(tmp_path: Path, name: str, damage: object) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2)
    damage(tmp_path / "checkpoints" / "00000002" / name)  # type: ignore[operator]
    found, wrong = checkpoint.newest(tmp_path)
    assert found is not None
    assert found.folder.name == "00000001"
    assert len(wrong) == 1
    assert wrong[0].startswith(f"checkpoint {tmp_path}/checkpoints/00000002 is not whole: ")


def test_a_torn_one_does_not_push_whole_ones_out(tmp_path: Path) -> None:
    for step in (10, 20, 30):
        write(tmp_path, step)
    cut(tmp_path / "checkpoints" / "00000030" / "state.json")
    write(tmp_path, 25)
    assert names(tmp_path) == ["00000020", "00000025", "00000030"]
    assert newest_step(tmp_path) == 25


def test_none_that_is_whole_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, 1)
    cut(tmp_path / "checkpoints" / "00000001" / "state.safetensors")
    message = r"checkpoints: expected a checkpoint that is whole, got none \(checkpoint .*digest does not fit\); delete"
    with pytest.raises(InputError, match=message):
        checkpoint.newest(tmp_path)


def test_another_format_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, 1)
    path = tmp_path / "checkpoints" / "00000001" / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(InputError, match="expected a checkpoint of format 1, got 99; go on with the version"):
        checkpoint.newest(tmp_path)


def test_what_killed_writes_left_is_put_right(tmp_path: Path) -> None:
    write(tmp_path, 1)
    folder = tmp_path / "checkpoints"
    (folder / ".partial-00000002").mkdir()
    (folder / ".partial-00000002" / "state.safetensors").write_bytes(b"half")
    (folder / ".gone-00000000").mkdir()
    # Killed between the two renames that replace a checkpoint by one of the same step.
    (folder / "00000001").rename(folder / ".replaced-00000001")
    assert newest_step(tmp_path) == 1
    assert names(tmp_path) == ["00000001"]


@pytest.mark.parametrize("moment", ["write", "replace", "sync_folder"])
def test_a_full_disk_leaves_the_checkpoints_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    write(tmp_path, 1)

    def full(path: Path, *rest: object) -> None:
        if moment == "write":
            Path(path).write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "replace") if moment == "replace" else (files, moment)), full)
        with pytest.raises(InputError) as error:
            write(tmp_path, 2)
    assert str(error.value) == (
        f"{tmp_path}/checkpoints: expected to write a checkpoint, got No space left on device; "
        f"earlier checkpoints are whole: make room, then go on with {GO_ON}"
    )
    assert names(tmp_path) == ["00000001"]
    assert newest_step(tmp_path) == 1
    write(tmp_path, 2)
    assert newest_step(tmp_path) == 2


LIMITED = """
import resource, signal, sys
from pathlib import Path
import torch
from spikeloom import InputError
from spikeloom.train import checkpoint
run, megabyte = Path(sys.argv[1]), 1 << 20
checkpoint.write(run, 1, {"weight": torch.ones(10)}, {}, keep=1, go_on="again")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (megabyte, megabyte))
try:
    checkpoint.write(run, 2, {"weight": torch.ones(megabyte)}, {}, keep=1, go_on="again")
except InputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_write_that_the_system_cuts_off_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == (
        f"{tmp_path}/checkpoints: expected to write a checkpoint, got File too large; "
        "earlier checkpoints are whole: make room, then go on with again\n"
    )
    assert names(tmp_path) == ["00000001"]
    found, _ = checkpoint.newest(tmp_path)
    assert found is not None
    assert torch.equal(found.tensors["weight"], torch.ones(10))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file in the way")
    with pytest.raises(InputError, match="checkpoints: expected to write a checkpoint, got "):
        write(tmp_path, 1)
