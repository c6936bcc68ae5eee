"""The reader of the Spiking Speech Commands, on files in the published layout."""

from pathlib import Path

import pytest
from data.formats import write_heidelberg

from spikeloom import InputError
from spikeloom.data.ssc import SSC

KEYS = [b"word%d" % i for i in range(35)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place, name in enumerate(("train", "valid", "test")):
        rows = [([0.5], [100 * place + i]) for i in range(2)]
        write_heidelberg(tmp_path / f"ssc_{name}.h5", rows, [34, place], keys=KEYS)
    return tmp_path


def test_three_files_and_all(folder: Path) -> None:
    assert SSC(folder).labels.tolist() == [34, 0]
    assert SSC(folder, "validation")[1][0].x.tolist() == [101]
    assert SSC(folder, "test")[0][0].x.tolist() == [200]
    every = SSC(folder, "all")
    assert every.labels.tolist() == [34, 0, 34, 1, 34, 2]
    assert [int(every[i][0].x[0]) for i in range(6)] == [0, 1, 100, 101, 200, 201]
    assert (every.classes, every.class_names[34], every.sensor.size) == (35, "word34", 700)
    with pytest.raises(InputError, match="^split: expected one of train, validation, test, all, got 'valid'"):
        SSC(folder, "valid")


def test_no_speakers_is_said_when_they_are_asked_for(folder: Path) -> None:
    with pytest.raises(InputError, match="^speakers: expected extra/speaker in the files, got none; split this data"):
        _ = SSC(folder).speakers


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "ssc_valid.h5").unlink()
    with pytest.raises(InputError, match=r"ssc_valid.h5: expected an HDF5 file, got no such file"):
        SSC(folder, "all")
