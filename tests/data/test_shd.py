"""The reader of the Spiking Heidelberg Digits, on files in the published layout."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from data.formats import SHD_KEYS, write_heidelberg

from spikeloom import InputError
from spikeloom.data.shd import SHD


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [([0.25, 0.5], [i, 699]) for i in range(3)]
    write_heidelberg(tmp_path / "shd_train.h5", rows, [3, 0, 19], speakers=[0, 11, 3], chunks=True)
    write_heidelberg(tmp_path / "shd_test.h5", [([0.125], [77])], [10], speakers=[4], times="float32")
    return tmp_path


def test_samples_labels_speakers_and_names(folder: Path) -> None:
    train = SHD(folder)
    assert (len(train), train.classes, train.sensor.size) == (3, 20, 700)
    assert train.labels.tolist() == [3, 0, 19]
    assert train.labels.dtype == np.int64
    assert train.speakers.tolist() == ["0", "11", "3"]
    assert train.class_names == tuple(key.decode() for key in SHD_KEYS)
    events, label = train[2]
    assert (events.t_us.tolist(), events.x.tolist(), label) == ([250_000, 500_000], [2, 699], 19)
    assert train[-1][1] == 19
    with pytest.raises(IndexError):
        train[3]


def test_splits(folder: Path) -> None:
    test, both = SHD(str(folder), "test"), SHD(folder, "all")
    assert test[0][0].t_us.tolist() == [125_000]
    assert both.labels.tolist() == [3, 0, 19, 10]
    assert both.speakers.tolist() == ["0", "11", "3", "4"]
    assert [both[i][0].x[0] for i in range(4)] == [0, 1, 2, 77]
    with pytest.raises(InputError, match="^split: expected one of train, test, all, got 'valid'"):
        SHD(folder, "valid")


def test_identity_tells_files_and_splits_apart(folder: Path) -> None:
    train = SHD(folder).identity
    assert train == SHD(str(folder)).identity
    assert train != SHD(folder, "all").identity
    write_heidelberg(folder / "shd_train.h5", [([0.25], [0])], [0], speakers=[0])
    assert train != SHD(folder).identity


def test_missing_and_packed_files_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"shd_train.h5: expected an HDF5 file, got no such file; give the folder"):
        SHD(tmp_path / "nowhere")
    (folder / "shd_test.h5").rename(folder / "shd_test.h5.gz")
    with pytest.raises(InputError, match=r"shd_test.h5: expected an HDF5 file, got only shd_test.h5.gz; unpack"):
        SHD(folder, "test")
    (folder / "shd_test.h5.gz").rename(folder / "shd_test.h5.zip")
    with pytest.raises(InputError, match=r"unpack shd_test.h5.zip in its folder"):
        SHD(folder, "test")


@pytest.mark.parametrize(
    ("labels", "keys", "message"),
    [
        ([20], SHD_KEYS, r"shd_train.h5: labels: expected 0 to 19, got 20 to 20; unpack"),
        ([1], SHD_KEYS[:10], r"shd_train.h5: extra/keys: expected 20 names of classes, got 10; unpack"),
        ([1], [b"\xff"] * 20, r"shd_train.h5: expected an HDF5 file as published, got .*codec can't decode"),
        ([1, 2], SHD_KEYS, r"shd_train.h5: expected .*spikes/times of shape \(1,\) beside 2 labels; unpack"),
    ],
)
def test_other_layouts_are_named(folder: Path, labels: list[int], keys: list[bytes], message: str) -> None:
    write_heidelberg(folder / "shd_train.h5", [([0.1], [1])], labels, keys=keys, speakers=[0] * len(labels))
    with pytest.raises(InputError, match=message):
        SHD(folder)


def test_what_is_no_hdf5_or_lacks_a_part_is_named(folder: Path) -> None:
    file = folder / "shd_train.h5"
    with h5py.File(file, "a") as h5:
        del h5["spikes/units"]
    with pytest.raises(InputError, match=r"shd_train.h5: expected an HDF5 file as published, got this .*units"):
        SHD(folder)
    file.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(InputError, match=r"shd_train.h5: expected an HDF5 file as published, got .*truncated"):
        SHD(folder)
    file.write_text("no HDF5\n")
    with pytest.raises(InputError, match=r"shd_train.h5: expected an HDF5 file as published, got .*signature"):
        SHD(folder)
