"""The reader of DVS128 Gesture, on recordings, tables and lists as they are published."""

from pathlib import Path

import pytest
from data.formats import AEDAT_HEAD, packet

from spikeloom import InputError
from spikeloom.data import aedat
from spikeloom.data.dvsgesture import DVSGesture, Gesture, gestures

HEAD = "class,startTime_usec,endTime_usec\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two recordings to train and one to test; the second has two gestures that overlap in time.

    So it is in the original: in user22_led_labels.csv class 9 ends after class 10 has begun (SpikingJelly,
    dvs128_gesture.py), and user26_fluorescent_labels.csv has some classes more than once.
    """
    first = packet([(16, 16, 1, 1000), (111, 17, 0, 1500), (15, 16, 1, 1600), (112, 16, 1, 1601)])
    first += packet([(50, 60, 1, 2000), (51, 61, 0, 1999)]) + packet([(0, 0, 0, 2500)], kind=0)
    _write(tmp_path, "user01_natural", first, "1,1000,1600\n11,1600,2001\n")
    second = packet([(20, 20, 1, 100), (22, 20, 1, 200)]) + packet([(24, 20, 1, 300), (26, 20, 1, 400)])
    _write(tmp_path, "user22_led", second, "9,100,350\n10,200,450\n9,400,450\n")
    _write(
        tmp_path,
        "user29_lab",
        packet([(64, 64, 0, 2**31 - 10)]) + packet([(64, 64, 0, 5)], overflow=1),
        "2,1,3000000000",
    )
    (tmp_path / "trials_to_train.txt").write_text("user01_natural.aedat\r\nuser22_led.aedat\r\n\r\n")
    (tmp_path / "trials_to_test.txt").write_text("user29_lab.aedat\n")
    return tmp_path


def _write(folder: Path, name: str, packets: bytes, table: str) -> None:
    (folder / f"{name}.aedat").write_bytes(AEDAT_HEAD + packets)
    (folder / f"{name}_labels.csv").write_text(HEAD + table)


def test_gestures_are_cut_out_counted_from_their_start_and_reduced(folder: Path) -> None:
    train = DVSGesture(folder)
    assert (len(train), train.classes, train.sensor.size) == (5, 11, 48 * 48 * 2)
    assert train.labels.tolist() == [0, 10, 8, 9, 8]
    assert train.class_names[10] == "other gestures"
    events, label = train[0]
    assert label == 0
    assert events.t_us.tolist() == [0, 500]
    assert (events.x.tolist(), events.y.tolist(), events.p.tolist()) == ([0, 47], [0, 0], [1, 0])


def test_events_out_of_order_are_sorted_and_those_at_the_border_are_left_out(folder: Path) -> None:
    events, _ = DVSGesture(folder)[1]
    assert events.t_us.tolist() == [399, 400]
    assert (events.x.tolist(), events.y.tolist(), events.p.tolist()) == ([17, 17], [22, 22], [0, 1])


def test_gestures_that_overlap_share_their_events(folder: Path) -> None:
    train = DVSGesture(folder)
    assert [train[i][0].x.tolist() for i in (2, 3, 4)] == [[2, 3, 4], [3, 4, 5], [5]]


def test_the_clock_may_run_over(folder: Path) -> None:
    events, label = DVSGesture(folder, "test")[0]
    assert (events.t_us.tolist(), label) == ([2**31 - 11, 2**31 + 4], 1)


def test_a_recording_is_scanned_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scanned: list[str] = []
    real = aedat.index
    monkeypatch.setattr(aedat, "index", lambda raw, source: scanned.append(source) or real(raw, source))
    train = DVSGesture(folder)
    for i in (2, 0, 3, 1, 4):
        train[i]
    assert sorted(Path(source).name for source in scanned) == ["user01_natural.aedat", "user22_led.aedat"]


def test_splits_the_folder_of_the_archive_and_identity(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "above").mkdir()
    (tmp_path / "above" / "DvsGesture").symlink_to(folder)
    assert DVSGesture(tmp_path / "above", "all").labels.tolist() == [0, 10, 8, 9, 8, 1]
    with pytest.raises(InputError, match="^split: expected one of train, test, all, got 'validation'"):
        DVSGesture(folder, "validation")
    before = DVSGesture(folder).identity
    assert before == DVSGesture(folder).identity
    (folder / "user22_led_labels.csv").write_text(HEAD + "9,100,351")
    assert before != DVSGesture(folder).identity


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "^file: expected the head class,startTime_usec,endTime_usec, got ''"),
        ("a,b\n1,2,3", "^file: expected the head class,startTime_usec,endTime_usec, got 'a,b'"),
        (HEAD, "^file: expected at least one gesture, got none"),
        (HEAD + "1,2\n", "^file: line 2: expected class, start and end as whole numbers, got '1,2'"),
        (HEAD + "1,2,3\n\n1,-2,3", "^file: line 4: expected class, start and end as whole numbers, got '1,-2,3'"),
        (HEAD + "1,2," + "9" * 16, "^file: line 2: expected class, start and end as whole numbers, got '1,2,9999"),
        (HEAD + "12,2,3", "^file: line 2: class: expected 1 to 11, got 12"),
        (HEAD + "0,2,3", "^file: line 2: class: expected 1 to 11, got 0"),
        (HEAD + "1,3,3", "^file: line 2: expected an end after the start, got 3 to 3"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(table: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        gestures(table.encode(), "file")


def test_tables_of_windows_are_read_and_other_bytes_are_named() -> None:
    assert gestures((HEAD + "3, 5,9\n").replace("\n", "\r\n").encode(), "file") == [Gesture(2, 5, 9)]
    with pytest.raises(InputError, match="^file: expected plain text, got ordinal not in range"):
        gestures(b"\xff", "file")


def test_missing_files_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"trials_to_train.txt: expected the list of recordings, got no such file; give"
    ):
        DVSGesture(tmp_path / "nowhere")
    (folder / "user22_led_labels.csv").unlink()
    with pytest.raises(InputError, match=r"user22_led_labels.csv: expected a readable file, got No such file"):
        DVSGesture(folder)
    (folder / "user22_led.aedat").unlink()
    with pytest.raises(InputError, match=r"user22_led.aedat: expected a recording, got no such file"):
        DVSGesture(folder)
    (folder / "trials_to_train.txt").write_text("../x.aedat\n")
    with pytest.raises(InputError, match=r"trials_to_train.txt: expected names of .aedat files, got '../x.aedat'"):
        DVSGesture(folder)


def test_recordings_that_cannot_be_used_are_named_when_they_are_read(folder: Path) -> None:
    _write(folder, "user01_natural", packet([(128, 3, 0, 1200)]), "1,1000,1600\n2,5000,6000\n3,1000,1100\n")
    train = DVSGesture(folder)
    with pytest.raises(InputError, match=r"natural.aedat: hand clapping from 1000 µs: x: expected 0 to 127, got 128"):
        train[0]
    with pytest.raises(
        InputError, match=r"right hand wave from 5000 µs: expected at least one event, got none at that"
    ):
        train[1]
    (folder / "user22_led.aedat").write_bytes(AEDAT_HEAD + packet([(0, 0, 0, 150)]))
    with pytest.raises(
        InputError, match=r"user22_led.aedat: air drums from 100 µs: expected at least one event, got an"
    ):
        train[3]
    (folder / "user22_led.aedat").write_bytes(AEDAT_HEAD)
    with pytest.raises(InputError, match=r"user22_led.aedat: expected the file as it was, got a shorter one"):
        train[3]
