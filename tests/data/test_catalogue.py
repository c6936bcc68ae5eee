"""The catalogue: what opens under a name, where it is looked for, and what is said where nothing is."""

from pathlib import Path

import numpy as np
import pytest

from spikeloom import InputError
from spikeloom.data import catalogue, places
from spikeloom.data.catalogue import CATALOGUE, open_dataset, recognise
from spikeloom.train.config import DataSettings


@pytest.fixture(autouse=True)
def _no_data_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIKELOOM_DATA", str(tmp_path / "data"))


def test_the_settings_know_the_same_names() -> None:
    (kind,) = [entry.type for entry in DataSettings.__dataclass_fields__.values() if entry.name == "dataset"]
    assert tuple(CATALOGUE) == kind.__args__


def test_every_archive_has_a_published_checksum_and_a_name_that_tells_its_kind() -> None:
    archives = [archive for entry in CATALOGUE.values() for archive in entry.archives]
    assert len(archives) == 9
    for archive in archives:
        assert archive.checksum is not None
        kind, digest = archive.checksum.split(":")
        assert len(digest) == {"md5": 32, "sha256": 64}[kind]
        assert archive.file.endswith((".zip", ".tar.gz"))
        assert archive.url.startswith("https://")


@pytest.mark.parametrize("name", ["digits", "randman"])
def test_sets_that_are_made_need_no_folder(name: str) -> None:
    train, test, both = (open_dataset(name, None, split) for split in ("train", "test", "all"))
    assert len(train) + len(test) == len(both)
    assert np.array_equal(np.bincount(train.labels) + np.bincount(test.labels), np.bincount(both.labels))
    with pytest.raises(InputError, match=f"--data: expected none, since {name} is made and not read, got here"):
        open_dataset(name, "here", "train")


def test_a_folder_that_is_given(nmnist_folder: Path) -> None:
    assert len(open_dataset("nmnist", nmnist_folder, "train")) == 4
    assert len(open_dataset("nmnist", str(nmnist_folder), "all")) == 5


def test_a_set_that_was_downloaded(nmnist_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    nmnist_folder.joinpath("Train").rename(_made(places.recordings("nmnist")) / "Train")
    assert len(open_dataset("nmnist", None, "train")) == 4


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("name", ["nmnist", "shd", "ssc", "dvsgesture", "fsdd"])
def test_where_nothing_is_the_error_says_what_to_do(name: str) -> None:
    with pytest.raises(InputError) as caught:
        open_dataset(name, None, "train")
    line = str(caught.value)
    assert f"got none in {places.recordings(name)}; run `spikeloom data get {name}`" in line
    assert "--data DIR" in line
    assert CATALOGUE[name].holds in line
    assert "\n" not in line


def test_a_folder_of_ones_own_must_be_given() -> None:
    with pytest.raises(InputError, match="--data: expected your folder of recordings, got none; give it by --data DIR"):
        open_dataset("folder", None, "train")


def test_an_unknown_name() -> None:
    with pytest.raises(InputError, match="data set: expected one of digits, nmnist, .*, got mnist"):
        catalogue.named("mnist")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Train/3/00001.bin", "nmnist"),
        ("shd_test.h5", "shd"),
        ("ssc_valid.h5", "ssc"),
        ("DvsGesture/trials_to_test.txt", "dvsgesture"),
        ("user01_led.aedat", "dvsgesture"),
        ("recordings/3_theo_1.wav", "fsdd"),
        ("free-spoken-digit-dataset-1.0.9/recordings/3_theo_1.wav", "fsdd"),
        ("left/one.npz", "folder"),
        ("train/left/one.csv", "folder"),
    ],
)
def test_a_folder_is_recognised_by_its_files(file: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "some" / file
    path.parent.mkdir(parents=True)
    path.touch()
    entry = recognise(tmp_path / "some")
    assert entry.name == name
    found = entry.find(tmp_path / "some")
    assert found is not None
    if name in ("dvsgesture", "fsdd"):
        assert found == path.parent


def test_a_folder_that_looks_like_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected the files of a known data set .*shd_train.h5 .*, got none of them"):
        recognise(tmp_path)
    with pytest.raises(InputError, match="expected a folder of recordings, or the name of a data set, got no such"):
        recognise(tmp_path / "nowhere")
