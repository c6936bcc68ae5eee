"""Converted data sets on disk: made once, found again, whole or not there at all."""

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from spikeloom import InputError
from spikeloom.data import converted, store
from spikeloom.data.events import Events, Sensor
from spikeloom.data.store import open_store


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sets are converted to."""
    chosen = tmp_path / "cache" / "data"
    monkeypatch.setattr(converted, "places", SimpleNamespace(converted=lambda: chosen))
    return chosen


def named(dataset: Any, identity: str = "a set") -> Any:
    dataset.identity = identity
    return dataset


def arrays(found: store.Store) -> list[list[int]]:
    return [array.tolist() for array in (found.t_us, found.ids, found.start, found.samples)]


def test_a_set_is_converted_once_and_is_the_same_as_in_memory(memory: Any, folder: Path) -> None:
    dataset, again = named(memory(7)), named(memory(7))
    first, second, in_memory = open_store(dataset), open_store(again), open_store(memory(7))
    assert arrays(first) == arrays(second) == arrays(in_memory)
    assert (dataset.reads, again.reads) == (7, 0)
    assert [array.dtype for array in (first.t_us, first.ids)] == [in_memory.t_us.dtype, in_memory.ids.dtype]
    (only,) = folder.iterdir()
    assert json.loads((only / "meta.json").read_text())["identity"] == "a set"
    assert store.size() == sum(file.stat().st_size for file in only.iterdir()) > 6 * len(first.ids)


def test_what_recordings_depend_on_decides(memory: Any, folder: Path) -> None:
    stores = [
        open_store(named(memory(7))),
        open_store(named(memory(7, seed=1), "another set")),
        open_store(named(memory(7)), denoise_ms=0.2),
        open_store(named(memory(7)), denoise_ms=0.4),
    ]
    assert len({str(arrays(one)) for one in stores}) == len(list(folder.iterdir())) == 4
    wider = named(memory(7))
    wider.sensor = Sensor(7, 5, 2)
    assert arrays(open_store(wider)) != arrays(stores[0])


def test_nothing_converted_takes_nothing() -> None:
    assert store.size() == 0


def test_long_recordings_get_wider_numbers(memory: Any, folder: Path) -> None:
    dataset = named(memory(3))
    late = Events(np.array([5, 1 << 40]), *(np.zeros(2, np.int16) for _ in range(3)))
    dataset.recordings[1] = late
    found = open_store(dataset)
    assert found.t_us.dtype == np.int64
    assert found.t_us[found.start[1] : found.start[2]].tolist() == [5, 1 << 40]
    assert len(list(folder.iterdir())) == 1


# Events of the right number are trusted: the kernel bears any, and a checksum would read the whole set.
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *itertools.product(["t_us.bin", "ids.bin", "start.bin", "meta.json"], ["truncated", "gone"]),
        *itertools.product(["start.bin", "meta.json"], ["scrambled"]),
    ],
)
def test_a_damaged_set_is_made_again(memory: Any, folder: Path, name: str, damage: str) -> None:
    before = arrays(open_store(named(memory(7))))
    file = next(folder.iterdir()) / name
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(content[: len(content) // 2] if damage == "truncated" else bytes(reversed(content)))
    dataset = named(memory(7))
    assert arrays(open_store(dataset)) == before
    assert dataset.reads == 7
    assert [path.name for path in folder.iterdir()] == [file.parent.name]


def test_an_error_while_converting_leaves_nothing(memory: Any, folder: Path) -> None:
    dataset = named(memory(7))
    good = dataset.recordings[6]
    dataset.recordings[6] = Events(good.t_us, good.x + np.int16(6), good.y, good.p)
    with pytest.raises(InputError, match="^sample 6: x: expected 0 to 5, got "):
        open_store(dataset)
    assert list(folder.iterdir()) == []
    quiet = named(memory(1, most_events=2))
    message = "^denoise_ms: expected a time within which events have neighbours, got 0.001; raise it"
    with pytest.raises(InputError, match=message):
        open_store(quiet, denoise_ms=0.001)
    assert list(folder.iterdir()) == []


def test_unfinished_folders_are_removed_when_they_are_old(memory: Any, folder: Path) -> None:
    old, young = folder / "x-0.unfinished", folder / "x-1.unfinished"
    for path in (old, young):
        path.mkdir(parents=True)
        (path / "t_us.bin").write_bytes(b"1")
    long_ago = time.time() - 2 * converted.ABANDONED_S
    for path in (old / "t_us.bin", old):
        os.utime(path, (long_ago, long_ago))
    open_store(named(memory(2)))
    assert not old.exists()
    assert young.exists()


CONVERT = """
import sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from spikeloom import InputError
from spikeloom.data import converted
from spikeloom.data.events import Events, Sensor
from spikeloom.data.store import open_store

class Waiting:
    sensor, classes, labels, identity = Sensor(9, 9, 1), 1, np.zeros(20, int), "waiting"
    def __len__(self):
        return 20
    def __getitem__(self, i):
        if i == 10:
            print("reading", flush=True)
            sys.stdin.readline()
        return Events(np.arange(900), *(np.full(900, value) for value in (i % 9, 0, 0))), 0

converted.places = SimpleNamespace(converted=lambda: Path(sys.argv[1]))
if len(sys.argv) > 2:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    store = open_store(Waiting())
    print(len(store.ids), int(store.ids.astype(int).sum()), flush=True)
except InputError as error:
    print(error)
"""


def start(tmp_path: Path, folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """A process in the middle of a conversion; it goes on when it is sent a line."""
    script = tmp_path / "convert.py"
    script.write_text(CONVERT)
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, script, folder, *arguments], **pipes)
    assert process.stdout is not None
    assert process.stdout.readline() == "reading\n"
    return process


EVENTS_AND_SUM = f"18000 {sum(i % 9 for i in range(20)) * 900}\n"


def test_two_processes_may_convert_at_once(tmp_path: Path, folder: Path) -> None:
    processes = [start(tmp_path, folder) for _ in range(2)]
    assert len(list(folder.iterdir())) == 2
    assert [process.communicate("\n", timeout=60)[0] for process in processes] == [EVENTS_AND_SUM] * 2
    assert len(list(folder.iterdir())) == 1


def test_the_first_of_two_processes_is_kept(memory: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def both(done: int, _: int) -> None:
        if done == 7:
            open_store(named(memory(7)))

    assert arrays(open_store(named(memory(7)), progress=both)) == arrays(open_store(memory(7)))
    assert len(list(folder.iterdir())) == 1


def test_a_killed_conversion_is_begun_anew(tmp_path: Path, folder: Path) -> None:
    process = start(tmp_path, folder)
    process.kill()
    process.communicate()
    (left,) = folder.iterdir()
    assert left.name.endswith(".unfinished")
    assert start(tmp_path, folder).communicate("\n", timeout=60)[0] == EVENTS_AND_SUM
    assert len(list(folder.iterdir())) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_full_disk_is_named(tmp_path: Path, folder: Path) -> None:
    output = start(tmp_path, folder, "50000").communicate("\n", timeout=60)[0]
    assert f"{folder}: expected room to convert the data set, got File too large; make room, or " in output
    assert "SPIKELOOM_CACHE" in output
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(memory: Any, folder: Path) -> None:
    folder.parent.parent.mkdir(exist_ok=True)
    folder.parent.write_text("a file")
    with pytest.raises(InputError, match="expected room to convert the data set, got .*; make room, or name another"):
        open_store(named(memory(2)))
