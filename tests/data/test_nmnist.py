"""The reader of N-MNIST, on files written in the official format and on real ones."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeloom import InputError
from spikeloom.data.nmnist import NMNIST, SENSOR, decode, pooled

ToBytes = Callable[[Sequence[tuple[int, int, int, int]]], bytes]


def test_bits_lie_as_the_format_says() -> None:
    events = decode(bytes([7, 33, 0x80 | 0x01, 0x02, 0x03, 30, 2, 0x7F, 0xFF, 0xFF]), "file")
    assert events.x.tolist() == [7, 30]
    assert events.y.tolist() == [33, 2]
    assert events.p.tolist() == [1, 0]
    assert events.t_us.tolist() == [0x010203, (1 << 23) - 1]
    assert [events.t_us.dtype, events.x.dtype, events.y.dtype, events.p.dtype] == ["int64", "int16", "int16", "uint8"]


def test_an_overflow_adds_8192_us_to_what_follows_and_is_no_event(to_bytes: ToBytes) -> None:
    overflow = (305 % 256, 240, 1, 0)
    written = [(1, 1, 0, 8000), overflow, (2, 2, 1, 5), (3, 3, 1, 8191), overflow, overflow, (4, 4, 0, 0)]
    events = decode(to_bytes(written), "file")
    assert events.x.tolist() == [1, 2, 3, 4]
    assert events.t_us.tolist() == [8000, 8192 + 5, 8192 + 8191, 3 * 8192]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ([(34, 0, 0, 0)], "^file: x: expected 0 to 33, got 34 in event 0; the sensor is 34x34x2"),
        ([(0, 0, 0, 0), (0, 241, 0, 0)], "^file: y: expected 0 to 33, got 241 in event 1"),
        ([(0, 0, 0, 9), (0, 0, 0, 8)], "^file: t_us: expected times that do not decrease, got 8 after 9 in event 1; "),
        ([(0, 240, 0, 0)], "^file: expected at least one event, got an empty recording"),
        ([], "^file: expected at least one event, got an empty recording"),
    ],
)
def test_wrong_content_is_named(to_bytes: ToBytes, written: list[tuple[int, int, int, int]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode(to_bytes(written), "file")


def test_a_truncated_file_is_named(to_bytes: ToBytes) -> None:
    message = "^file: expected 5 bytes per event, got 9 bytes, so it is truncated; unpack the file again"
    with pytest.raises(InputError, match=message):
        decode(to_bytes([(0, 0, 0, 0), (0, 0, 0, 1)])[:-1], "file")


@given(st.binary(max_size=200))
def test_any_bytes_give_usable_events_or_an_input_error(raw: bytes) -> None:
    _decodes_or_complains(raw)


@given(st.data())
def test_a_corrupted_file_gives_usable_events_or_an_input_error(data: st.DataObject) -> None:
    times = sorted(data.draw(st.lists(st.integers(0, 400_000), min_size=1, max_size=30)))
    rows = [bytes([t % 34, t % 31, t >> 16, t >> 8 & 255, t & 255]) for t in times]
    raw = bytearray(b"".join(rows))
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.sampled_from([0, 33, 34, 240, 255]))
    _decodes_or_complains(bytes(raw[: data.draw(st.integers(0, len(raw)))]))


def _decodes_or_complains(raw: bytes) -> None:
    try:
        events = decode(raw, "file")
    except InputError as error:
        message = str(error)
    else:
        assert 0 < len(events) <= len(raw) // 5
        assert events.ids(SENSOR).min() >= 0
        assert events.ids(SENSOR).max() < SENSOR.size
        assert (np.diff(events.t_us) >= 0).all()
        return
    assert message.startswith("file: ")
    assert "\n" not in message


def test_samples_come_in_the_order_of_their_names(nmnist_folder: Path) -> None:
    train = NMNIST(nmnist_folder)
    assert train.labels.tolist() == [0, 0, 7, 7]
    assert [int(events.x[0]) for events, _ in (train[i] for i in range(4))] == [3, 2, 1, 0]
    assert [train[i][1] for i in range(4)] == [0, 0, 7, 7]
    assert (len(train), train.classes, train.sensor.size) == (4, 10, 2312)


def test_splits(nmnist_folder: Path) -> None:
    assert NMNIST(nmnist_folder, "test").labels.tolist() == [3]
    assert pooled(str(nmnist_folder)).labels.tolist() == [0, 0, 7, 7, 3]
    with pytest.raises(InputError, match="^split: expected one of train, test, all, got 'valid'"):
        NMNIST(nmnist_folder, "valid")


def test_other_files_and_hidden_folders_do_not_matter(nmnist_folder: Path) -> None:
    (nmnist_folder / "Train" / "README").write_text("x")
    (nmnist_folder / "Train" / "0" / ".DS_Store").write_text("x")
    (nmnist_folder / "Train" / ".cache").mkdir()
    assert len(NMNIST(nmnist_folder)) == 4


def test_class_names_and_identity(nmnist_folder: Path) -> None:
    train = NMNIST(nmnist_folder)
    assert train.class_names == tuple("0123456789")
    assert train.identity == NMNIST(str(nmnist_folder)).identity
    assert train.identity != NMNIST(nmnist_folder, "test").identity
    (nmnist_folder / "Train" / "0" / "00005.bin").write_bytes(bytes([0, 0, 0, 0, 0]))
    assert train.identity != NMNIST(nmnist_folder).identity


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    message = r"Train: expected a folder with the folders 0 to 9, got no such folder; give the folder that holds Train"
    with pytest.raises(InputError, match=message):
        NMNIST(tmp_path)
    with pytest.raises(InputError, match="nowhere"):
        NMNIST(tmp_path / "nowhere")


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "Train").mkdir()
    with pytest.raises(
        InputError, match="Train: expected the folders 0 to 9 with <index>.bin files, got none of them;"
    ):
        NMNIST(tmp_path)
    (tmp_path / "Train" / "4").mkdir()
    with pytest.raises(InputError, match=r"4: expected recordings named <index>.bin, got none; fill or remove"):
        NMNIST(tmp_path)


@pytest.mark.parametrize("name", ["10", "cat", "-1", "07"])
def test_a_folder_that_is_no_label_is_named(nmnist_folder: Path, name: str) -> None:
    (nmnist_folder / "Train" / name).mkdir()
    with pytest.raises(InputError, match=f"{name}: expected a folder named by its label, 0 to 9, got '{name}'"):
        NMNIST(nmnist_folder)


@pytest.mark.parametrize(("size", "got"), [(0, "an empty file"), (7, "7 bytes, so it is truncated")])
def test_a_file_of_the_wrong_size_is_found_at_the_start(nmnist_folder: Path, size: int, got: str) -> None:
    (nmnist_folder / "Train" / "7" / "00001.bin").write_bytes(bytes(size))
    with pytest.raises(InputError, match=f"00001.bin: expected .*, got {got}; unpack the file again"):
        NMNIST(nmnist_folder)


def test_wrong_content_and_vanished_files_are_named_when_read(nmnist_folder: Path) -> None:
    train = NMNIST(nmnist_folder)
    (nmnist_folder / "Train" / "0" / "00003.bin").write_bytes(bytes([99, 0, 0, 0, 0]))
    with pytest.raises(InputError, match=r"00003.bin: x: expected 0 to 33, got 99"):
        train[0]
    (nmnist_folder / "Train" / "0" / "00004.bin").unlink()
    with pytest.raises(InputError, match=r"00004.bin: expected a recording, got No such file"):
        train[1]


def test_real_recordings_are_what_their_description_says(nmnist_small: Path) -> None:
    train, test, both = NMNIST(nmnist_small), NMNIST(nmnist_small, "test"), pooled(nmnist_small)
    assert (len(train), len(test), len(both)) == (1000, 100, 1100)
    assert np.bincount(train.labels).tolist() == [97, 116, 99, 93, 105, 92, 94, 117, 87, 100]
    events = [both[i][0] for i in range(0, 1100, 20)]
    assert np.mean([len(e) for e in events]) == pytest.approx(4100, rel=0.1)
    assert np.mean([e.t_us[-1] for e in events]) == pytest.approx(310_000, rel=0.03)
    assert np.mean(np.concatenate([e.p for e in events])) == pytest.approx(0.5, abs=0.02)
