"""Recordings as npz."""

import io
import zipfile
from typing import Any

import numpy as np
import pytest

from spikeloom import InputError
from spikeloom.data.events import Sensor
from spikeloom.data.events_npz import decode, label

SENSOR = Sensor(6, 5, 2)


def npz(*, packed: bool = False, **arrays: Any) -> bytes:
    raw = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(raw, **arrays)
    return raw.getvalue()


@pytest.mark.parametrize("packed", [False, True])
def test_arrays_of_any_integers_are_read(packed: bool) -> None:
    t, x = np.array([3, 9], np.uint32), np.array([5, 0], np.uint8)
    events = decode(
        npz(t=t, x=x, y=np.array([4, 1]), p=np.array([True, False]), extra=[1.5], packed=packed), SENSOR, "f"
    )
    assert (events.t_us.tolist(), events.x.tolist()) == ([3, 9], [5, 0])
    assert (events.y.tolist(), events.p.tolist()) == ([4, 1], [1, 0])
    assert [events.t_us.dtype, events.x.dtype, events.y.dtype, events.p.dtype] == ["int64", "int16", "int16", "uint8"]


def test_a_sensor_of_one_row_needs_times_and_columns_only() -> None:
    events = decode(npz(t=[3, 9], x=[5, 0]), SENSOR, "f")
    assert (events.y.tolist(), events.p.tolist()) == ([0, 0], [0, 0])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": [1]}, "^f: expected a column t, got x; save the times in microseconds as t"),
        ({"t": [0.5], "x": [1]}, r"^f: t: expected a row of integers, got float64 of shape \(1,\); give time in whole"),
        ({"t": [[1]], "x": [1]}, r"^f: t: expected a row of integers, got int64 of shape \(1, 1\)"),
        ({"t": np.array([None])}, "^f: t: expected an array of numbers or text, got object; save it again"),
        ({"t": [1, 2], "x": [1]}, "^f: expected t_us, x, y and p of equal length, got "),
        ({"t": [1], "x": [6]}, "^f: x: expected 0 to 5, got 6 in event 0; the sensor is 6x5x2"),
        ({"t": [1], "x": [65537]}, "^f: x: expected values from -32768 to 32767, got 65537 to 65537; is the column"),
        ({"t": np.array([2**63 + 5], np.uint64)}, "^f: t: expected values from -9223372036854775808 to 92"),
        ({"t": [1], "x": [-1]}, "^f: x: expected 0 to 5, got -1 in event 0"),
        ({"t": [2, 1], "x": [1, 1]}, "^f: t_us: expected times that do not decrease, got 1 after 2 in event 1"),
        ({"t": np.array([], int)}, "^f: expected at least one event"),
    ],
)
def test_wrong_arrays_are_named(arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode(npz(**arrays), SENSOR, "f")


@pytest.mark.parametrize(("value", "text"), [(7, "7"), ("cat", "cat"), ([3], "3"), (np.uint8(9), "9")])
def test_a_label_is_read_as_text(value: Any, text: str) -> None:
    assert label(npz(label=value), "f") == text


def test_other_labels_are_named() -> None:
    with pytest.raises(InputError, match="^f: expected an array label, got none; add it, or put the file"):
        label(npz(t=[1]), "f")
    with pytest.raises(InputError, match=r"^f: label: expected one integer or text, got float64 of shape \(\); save"):
        label(npz(label=0.5), "f")
    with pytest.raises(InputError, match=r"^f: label: expected one integer or text, got int64 of shape \(2,\)"):
        label(npz(label=[1, 2]), "f")


def test_what_is_no_npz_is_named() -> None:
    with pytest.raises(InputError, match="^f: expected a whole npz file, got File is not a zip file; save it again"):
        decode(b"t,x\n1,2\n", SENSOR, "f")
    with pytest.raises(InputError, match="^f: expected a whole npz file, got "):
        decode(npz(t=[1], x=[1])[:-30], SENSOR, "f")


def _zip(content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", method) as archive:
        archive.writestr("t.npy", content)
    return raw.getvalue()


def _header(shape: tuple[int, ...]) -> bytes:
    raw = io.BytesIO()
    np.lib.format.write_array_header_1_0(raw, {"descr": "<i8", "fortran_order": False, "shape": shape})
    return raw.getvalue()


def test_sizes_are_checked_before_anything_is_unpacked() -> None:
    bomb = _zip(_header((1 << 22,)) + bytes(1 << 25))
    assert len(bomb) < 50_000
    with pytest.raises(InputError, match=r"^f: expected arrays of at most \d+ bytes, got 33554\d+; save it again"):
        decode(bomb, SENSOR, "f")
    with pytest.raises(InputError, match=r"^f: t: expected \(1152921504606846976,\) of int64, got 8 bytes; save"):
        decode(_zip(_header((1 << 60,)) + bytes(8)), SENSOR, "f")
    with pytest.raises(InputError, match=r"^f: t: expected \(-1, -1\) of int64, got 8 bytes"):
        decode(_zip(_header((-1, -1)) + bytes(8)), SENSOR, "f")
    with pytest.raises(InputError, match="^f: t: expected stored or deflated bytes, got compression method 12"):
        decode(_zip(_header((1,)) + bytes(8), zipfile.ZIP_BZIP2), SENSOR, "f")
