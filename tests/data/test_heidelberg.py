"""What the readers of SHD and SSC share: spikes into events, and a process apart that reads the HDF5 file."""

import gc
import json
import os
import pickle
import struct
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
from data.formats import write_heidelberg

from spikeloom import InputError
from spikeloom.data.heidelberg import decode
from spikeloom.data.heidelberg_apart import CHILD, Apart
from spikeloom.data.shd import SHD


def _half(*seconds: float) -> np.ndarray:
    return np.array(seconds, np.float16)


def _units(*units: int) -> np.ndarray:
    return np.array(units, np.uint16)


def test_seconds_become_sorted_microseconds_and_ties_keep_their_order() -> None:
    events = decode(_half(0.5, 0.25, 0.5, 0.1), _units(3, 699, 1, 0), "x")
    assert events.t_us.tolist() == [99976, 250_000, 500_000, 500_000]  # 0.1 as float16
    assert events.x.tolist() == [0, 699, 3, 1]
    assert not events.y.any()
    assert not events.p.any()
    assert [events.t_us.dtype, events.x.dtype, events.y.dtype, events.p.dtype] == ["int64", "int16", "int16", "uint8"]


@pytest.mark.parametrize(
    ("times", "units", "message"),
    [
        (_half(0.1), _units(1, 2), "^x: expected as many times as units, got 1 and 2; unpack"),
        (_half(0.1, np.nan), _units(1, 2), "^x: times: expected 0 s to 100,000 s, got nan in spike 1"),
        (_half(np.inf), _units(1), "^x: times: expected 0 s to 100,000 s, got inf in spike 0"),
        (_half(-0.5), _units(1), "^x: times: expected 0 s to 100,000 s, got -0.5 in spike 0"),
        (np.array([1e30]), _units(1), r"^x: times: expected 0 s to 100,000 s, got 1e\+30 in spike 0"),
        (_half(0.1, 0.2), _units(700, 2), "^x: units: expected 0 to 699, got 2 to 700; is this"),
        (_half(0.1), np.array([65536 + 5]), "^x: units: expected 0 to 699, got 65541 to 65541"),
        (_half(), _units(), "^x: expected at least one event"),
        (_units(1), _units(1), "^x: times: expected a row of floats, got uint16 of shape"),
        (_half(1), _half(1), "^x: units: expected a row of integers, got float16 of shape"),
    ],
)
def test_wrong_spikes_are_named(times: np.ndarray, units: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode(times, units, "x")


def test_the_process_apart_also_reads_on_systems_without_limits(train: Path) -> None:
    """As on Windows, where Python has no module `resource` and no signals of timers."""
    without = (
        "import sys, runpy, signal; sys.modules['resource'] = None; del signal.setitimer, signal.ITIMER_PROF;"
        "runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    )
    command = [sys.executable, "-c", without, str(CHILD), str(train), "5"]
    done = subprocess.run(command, input=b"null\n0\n", capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout.splitlines()[0])["arrays"][0][1] == 5


@pytest.fixture
def train(tmp_path: Path) -> Path:
    rows = [([0.1 * (i + 1), 0.9], [i, 600 + i]) for i in range(5)]
    write_heidelberg(tmp_path / "shd_train.h5", rows, [0, 19, 7, 7, 1], speakers=[0, 4, 4, 11, 2])
    return tmp_path / "shd_train.h5"


def test_any_thread_a_copy_and_a_forked_process_read_alike(train: Path) -> None:
    data = SHD(train.parent)
    expected = [data[i][0].x.tolist() for i in range(5)]
    got: dict[int, list[int]] = {}
    threads = [threading.Thread(target=lambda i=i: got.update({i: data[i][0].x.tolist()})) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got[i] for i in range(5)] == expected
    copy = pickle.loads(pickle.dumps(data))
    assert copy[3][0].x.tolist() == expected[3]
    child = os.fork()
    if child == 0:
        os._exit(0 if data[2][0].x.tolist() == expected[2] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert data[4][0].x.tolist() == expected[4]


def test_the_process_ends_with_the_data_set(train: Path) -> None:
    data = SHD(train.parent)
    process = data._files[0]._process
    assert process is not None
    assert process.poll() is None
    del data
    gc.collect()
    assert process.returncode is not None
    assert process.stdout is not None
    assert process.stdout.closed


def test_a_process_that_died_is_named_and_started_anew(train: Path) -> None:
    data = SHD(train.parent)
    process = data._files[0]._process
    assert process is not None
    process.kill()
    process.wait()
    with pytest.raises(InputError, match=r"shd_train.h5: expected an HDF5 file .*fails \(exit status -9\); unpack"):
        data[0]
    assert data[0][0].x.tolist() == [0, 600]


def test_an_answer_that_takes_too_long_is_an_error(tmp_path: Path) -> None:
    write_heidelberg(tmp_path / "x.h5", [], [])
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file["extra/speaker"] = np.zeros(300_000, np.uint16)
        del file["labels"]
        file["labels"] = np.zeros(300_000, np.uint16)
        for name in ("times", "units"):
            del file["spikes"][name]
            file["spikes"].create_dataset(name, (300_000,), dtype=h5py.vlen_dtype(np.uint16))
    with pytest.raises(InputError, match=r"x.h5: expected .* one on which the HDF5 library runs for more than 1e-06 s"):
        Apart(tmp_path / "x.h5", cpu_s=1e-6).overview()
    assert len(Apart(tmp_path / "x.h5").overview().labels) == 300_000


def test_a_length_of_gigabytes_is_an_error_and_no_allocation(train: Path) -> None:
    raw = bytearray(train.read_bytes())
    labels = bytes(struct.pack("<5H", 0, 19, 7, 7, 1))
    assert raw.count(labels) == 1
    # rows are stored as a length, an address and an index (HDF5 File Format Specification, "Variable-length")
    with h5py.File(train) as file:
        at = file["spikes/times"].id.get_offset()
    assert struct.unpack_from("<I", raw, at) == (2,)
    struct.pack_into("<I", raw, at, 0x7FFFFFFF)
    train.write_bytes(raw)
    data = SHD(train.parent)
    with pytest.raises(InputError, match="shd_train.h5: expected an HDF5 file as published, got "):
        data[0]
    assert data[1][0].x.tolist() == [1, 601]
