"""Binning against a loop over events that fills a set per step."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import assert_well_formed

from spikeloom import InputError
from spikeloom.data.augment import Change
from spikeloom.data.binning import Binned, Binning, encode
from spikeloom.data.events import Events, Sensor


def oracle(events: Events, binning: Binning, change: Change = Change()) -> list[list[int]]:  # noqa: B008
    """The ids of each step, one event at a time."""
    width, height = binning.crop or (binning.sensor.width, binning.sensor.height)
    left, top = (binning.sensor.width - width) // 2, (binning.sensor.height - height) // 2
    steps: list[set[int]] = [set() for _ in range(binning.steps)]
    for t_us, x, y, p in zip(*(c.tolist() for c in (events.t_us, events.x, events.y, events.p)), strict=True):
        step = math.floor(t_us / (1000 * binning.dt_ms / change.stretch))
        x, y = x + change.dx - left, y + change.dy - top
        if step < binning.steps and 0 <= x < width and 0 <= y < height:
            steps[step].add((p * height + y) * width + x)
    return [sorted(ids) for ids in steps]


def as_lists(binned: Binned) -> list[list[int]]:
    ends = np.cumsum(binned.counts)
    assert ends[-1] == len(binned.ids)
    return [ids.tolist() for ids in np.split(binned.ids, ends[:-1])]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Events, Binning, Change]:
    sensor = Sensor(draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 3)))
    event = st.tuples(
        st.integers(0, 20_000),
        st.integers(0, sensor.width - 1),
        st.integers(0, sensor.height - 1),
        st.integers(0, sensor.polarities - 1),
    )
    rows = sorted(draw(st.lists(event, min_size=1, max_size=60)))
    t_us, x, y, p = (np.array(column) for column in zip(*rows, strict=True))
    events = Events(t_us.astype(np.int64), x.astype(np.int16), y.astype(np.int16), p.astype(np.uint8))
    crop = draw(st.none() | st.tuples(st.integers(1, sensor.width), st.integers(1, sensor.height)))
    binning = Binning(sensor, draw(st.sampled_from([0.001, 0.3, 1, 1 / 3, 2.5, 40])), draw(st.integers(1, 30)), crop)
    change = Change(draw(st.integers(-3, 3)), draw(st.integers(-3, 3)), draw(st.sampled_from([1.0, 0.9, 1.07, 2])))
    return events, binning, change


@given(cases())
def test_bins_as_the_loop_does(case: tuple[Events, Binning, Change]) -> None:
    events, binning, change = case
    packed = binning.pack(events, "sample")
    assert as_lists(binning.bin(packed)) == oracle(events, binning)
    assert as_lists(binning.bin(packed, change)) == oracle(events, binning, change)
    spikes = encode([events, events], binning)
    assert_well_formed(spikes)
    dense = spikes.dense()  # [T, B, N]
    for t, ids in enumerate(oracle(events, binning)):
        assert dense[t, 1].nonzero().flatten().tolist() == ids


def two_events(t_us: list[int], x: list[int]) -> Events:
    return Events(np.array(t_us), np.array(x, np.int16), np.zeros(len(x), np.int16), np.zeros(len(x), np.uint8))


def test_a_step_ends_before_the_next_begins() -> None:
    binning = Binning(Sensor(4, 1, 1), dt_ms=0.1, steps=3)
    events = two_events([0, 99, 100, 299, 300], [3, 1, 2, 0, 1])
    assert as_lists(binning.bin(binning.pack(events, "sample"))) == [[1, 3], [2], [0]]


def test_a_crop_keeps_the_centre() -> None:
    binning = Binning(Sensor(34, 34), dt_ms=1, steps=1, crop=(32, 32))
    events = Events(*(np.array(c) for c in ([0, 0, 0], [1, 32, 33], [1, 32, 5], [0, 1, 1])))
    assert binning.neurons == 2048
    assert as_lists(binning.bin(binning.pack(events, "sample"))) == [[0, 2047]]


def test_large_sensors_and_long_recordings_need_wider_numbers() -> None:
    sensor = Sensor(1280, 720)
    binning = Binning(sensor, dt_ms=1, steps=5000)
    last = Events(np.array([0, 4_999_999, 1 << 33]), *(np.array([0, n, n], np.int16) for n in (1279, 719, 1)))
    got = as_lists(binning.bin(binning.pack(last, "sample")))
    assert got[0] == [0]
    assert got[4999] == [sensor.size - 1]
    assert sum(map(len, got)) == 2


def test_dropped_events_follow_seed_and_chance() -> None:
    sensor = Sensor(100, 100, 1)
    y, x = (c.astype(np.int16) for c in np.unravel_index(np.arange(10_000), (100, 100)))
    events = Events(np.arange(10_000), x, y, np.zeros(10_000, np.uint8))
    binning = Binning(sensor, dt_ms=10, steps=1)
    packed = binning.pack(events, "sample")
    first, again, other = (set(binning.bin(packed, Change(drop=0.3, seed=(s,))).ids.tolist()) for s in (1, 1, 2))
    assert first == again
    assert len(first) == pytest.approx(7000, abs=200)
    assert len(first & other) == pytest.approx(4900, abs=200)
    shorter = Binning(sensor, dt_ms=5, steps=1)
    assert set(shorter.bin(packed, Change(drop=0.3, seed=(1,))).ids.tolist()) == {i for i in first if i < 5000}


def test_packing_takes_six_bytes_an_event() -> None:
    binning = Binning(Sensor(34, 34), dt_ms=1, steps=300)
    assert binning.pack(two_events([0, 300_000], [0, 1]), "sample").nbytes == 12


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"dt_ms": 0}, "^dt_ms: expected milliseconds per step, at least 0.001, got 0"),
        ({"dt_ms": math.nan}, "^dt_ms: expected milliseconds per step"),
        ({"dt_ms": math.inf}, "^dt_ms: expected milliseconds per step"),
        ({"steps": 0}, "^steps: expected at least 1, got 0"),
        ({"crop": (35, 34)}, r"^crop: expected \(width, height\) up to \(34, 34\), got \(35, 34\)"),
        ({"crop": (0, 3)}, r"^crop: expected \(width, height\) up to"),
    ],
)
def test_settings_are_checked(changed: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Binning(**{"sensor": Sensor(34, 34), "dt_ms": 1.0, "steps": 10} | changed)


def test_encode_names_the_recording_at_fault() -> None:
    binning = Binning(Sensor(4, 1, 1), dt_ms=1, steps=3)
    with pytest.raises(InputError, match="^recording 1: x: expected 0 to 3, got 4"):
        encode([two_events([0], [3]), two_events([0], [4])], binning)
    with pytest.raises(InputError, match="^recordings: expected at least one, got none"):
        encode([], binning)
