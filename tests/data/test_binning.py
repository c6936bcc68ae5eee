"""Binning against a loop over events that fills a set per step."""

import math
from dataclasses import fields, replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import assert_well_formed

from spikeloom import InputError, Spikes
from spikeloom.data.augment import Changes, unchanged
from spikeloom.data.binning import Binning, encode
from spikeloom.data.events import Events, Sensor
from spikeloom.data.store import pack

MASK = (1 << 64) - 1


def oracle(events: Events, binning: Binning, changes: Changes | None = None) -> list[list[int]]:
    """The ids of each step, one event at a time, of a recording changed as the only one in `changes`."""
    made = unchanged(1) if changes is None else changes
    dx, dy, flip, matrix, stretch, keep, jitter_us, key = (getattr(made, f.name)[0].tolist() for f in fields(made))
    sensor = binning.sensor
    width, height = binning.crop or (sensor.width, sensor.height)
    left, top = (sensor.width - width) // 2, (sensor.height - height) // 2
    steps: list[set[int]] = [set() for _ in range(binning.steps)]
    columns = (c.tolist() for c in (events.t_us, events.x, events.y, events.p))
    for i, (t_us, x, y, p) in enumerate(zip(*columns, strict=True)):
        bits = splitmix(~key & MASK, i)
        if jitter_us > 0:
            normal = bin(bits).count("1") - 32.5 + (bits & 0xFFFFFFFF) / 2**32
            t_us += math.floor(normal * (jitter_us / (16 + 1 / 12) ** 0.5))
        step_us = 1000 * binning.dt_ms / stretch
        step = math.floor(t_us * (1 / step_us) if jitter_us > 0 else t_us / step_us)
        x, y = nearest(matrix, sensor, sensor.width - 1 - x if flip else x, y)
        x, y = x + dx - left, y + dy - top
        stays = keep == 1 or splitmix(key, i) >> 32 < round(keep * 2**32)
        if stays and 0 <= step < binning.steps and 0 <= x < width and 0 <= y < height:
            steps[step].add((p * height + y) * width + x)
    return [sorted(ids) for ids in steps]


def nearest(matrix: list[list[float]], sensor: Sensor, x: int, y: int) -> tuple[int, int]:
    """The pixel that a matrix about the sensor's middle takes another one to."""
    middle = (sensor.width - 1) / 2, (sensor.height - 1) / 2
    right, down = x - middle[0], y - middle[1]
    return tuple(math.floor(a * right + b * down + m + 0.5) for (a, b), m in zip(matrix, middle, strict=True))


def splitmix(state: int, place: int) -> int:
    """Number `place` of splitmix64, as its authors' code has it."""
    z = (state + (place + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
    return z ^ z >> 31


def binned(events: Events, binning: Binning, changes: Changes | None = None) -> Spikes:
    """One recording as a batch."""
    return binning.bin(pack([events], binning.sensor), np.arange(1), changes)


def as_lists(spikes: Spikes, sample: int = 0) -> list[list[int]]:
    """The ids of each step of a sample."""
    assert_well_formed(spikes)
    ids, start = spikes.ids.tolist(), spikes.row_start.tolist()
    rows = range(sample * spikes.steps, (sample + 1) * spikes.steps)
    return [ids[start[row] : start[row + 1]] for row in rows]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Events, Binning, Changes]:
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
    changes = unchanged(1, seed=draw(st.integers(0, 9)))
    changes.dx[0], changes.dy[0] = (draw(st.integers(-3, 3)) for _ in range(2))
    changes.flip[0] = draw(st.booleans())
    # Exact in the kernel's integers.
    changes.matrix[0] = draw(
        st.sampled_from([np.eye(2), [[0, 1], [-1, 0]], [[1, 0.5], [0.25, 1.5]], [[0.5, 0], [0, 3]]])
    )
    changes.stretch[0] = draw(st.sampled_from([1.0, 0.9, 1.07, 2]))
    changes.keep[0] = draw(st.sampled_from([1.0, 0.5, 0.0]))
    changes.jitter_us[0] = draw(st.sampled_from([0.0, 0.3, 3000.0]))
    return events, binning, changes


# The first call compiles.
@settings(deadline=None)
@given(cases(), cases())
def test_bins_as_the_loop_does(case: tuple[Events, Binning, Changes], other: tuple[Events, Binning, Changes]) -> None:
    events, binning, changes = case
    assert as_lists(binned(events, binning)) == oracle(events, binning)
    assert as_lists(binned(events, binning, changes)) == oracle(events, binning, changes)
    both = Changes(*(np.concatenate([getattr(c, f.name) for c in (changes, other[2])]) for f in fields(changes)))
    spikes = binning.bin(pack([events], binning.sensor), np.zeros(2, int), both)
    for sample in range(2):
        assert as_lists(spikes, sample) == oracle(events, binning, both.take(np.array([sample])))


def test_a_matrix_turns_and_slants_about_the_middle() -> None:
    sensor, corner = Sensor(4, 4, 2), Events(*(np.array(c) for c in ([0, 0], [0, 1], [0, 0], [0, 1])))
    binning, changes = Binning(sensor, dt_ms=1, steps=1), unchanged(1)
    for matrix, expected in (
        ([[0, -1], [1, 0]], [(0, 3, 0), (1, 3, 1)]),
        ([[1, 2 / 3], [0, 1]], [(1, 0, 0)]),
        ([[1, -2 / 3], [0, 1]], [(0, 1, 0), (1, 2, 0)]),
        ([[0.5, 0], [0, 0.5]], [(0, 1, 1), (1, 1, 1)]),
    ):
        changes.matrix[0] = matrix
        assert as_lists(binned(corner, binning, changes)) == [[(p * 4 + y) * 4 + x for p, x, y in expected]]


def two_events(t_us: list[int], x: list[int]) -> Events:
    return Events(np.array(t_us), np.array(x, np.int16), np.zeros(len(x), np.int16), np.zeros(len(x), np.uint8))


def test_a_step_ends_before_the_next_begins() -> None:
    binning = Binning(Sensor(4, 1, 1), dt_ms=0.1, steps=3)
    events = two_events([0, 99, 100, 299, 300], [3, 1, 2, 0, 1])
    assert as_lists(binned(events, binning)) == [[1, 3], [2], [0]]


def test_a_crop_keeps_the_centre() -> None:
    binning = Binning(Sensor(34, 34), dt_ms=1, steps=1, crop=(32, 32))
    events = Events(*(np.array(c) for c in ([0, 0, 0], [1, 32, 33], [1, 32, 5], [0, 1, 1])))
    assert binning.neurons == 2048
    assert as_lists(binned(events, binning)) == [[0, 2047]]


def test_large_sensors_and_long_recordings_need_wider_numbers() -> None:
    sensor = Sensor(1280, 720)
    binning = Binning(sensor, dt_ms=1, steps=5000)
    last = Events(np.array([0, 4_999_999, 1 << 33]), *(np.array([0, n, n], np.int16) for n in (1279, 719, 1)))
    got = as_lists(binned(last, binning))
    assert got[0] == [0]
    assert got[4999] == [sensor.size - 1]
    assert sum(map(len, got)) == 2


def every_pixel(width: int, height: int) -> Events:
    """An event of each pixel, 1 µs apart."""
    y, x = (c.astype(np.int16) for c in np.unravel_index(np.arange(width * height), (height, width)))
    return Events(np.arange(width * height), x, y, np.zeros(width * height, np.uint8))


def test_dropped_events_follow_seed_and_chance() -> None:
    events, binning = every_pixel(100, 100), Binning(Sensor(100, 100, 1), dt_ms=10, steps=1)

    def kept(seed: int, binning: Binning) -> set[int]:
        changes = unchanged(1, seed=seed)
        changes.keep[0] = 0.7
        return set(as_lists(binned(events, binning, changes))[0])

    first, again, other = (kept(seed, binning) for seed in (1, 1, 2))
    assert first == again
    assert len(first) == pytest.approx(7000, abs=200)
    assert len(first & other) == pytest.approx(4900, abs=200)
    assert kept(1, Binning(Sensor(100, 100, 1), dt_ms=5, steps=1)) == {i for i in first if i < 5000}


def test_jittered_times_are_normal_and_independent_of_what_is_dropped() -> None:
    count, std_us, at_us = 40_000, 1500.0, 10_000
    events = Events(np.full(count, at_us), np.arange(count), np.zeros(count, np.int16), np.zeros(count, np.uint8))
    changes = unchanged(1, seed=7)
    changes.jitter_us[0], changes.keep[0] = std_us, 0.8
    spikes = binned(events, Binning(Sensor(count, 1, 1), dt_ms=0.1, steps=200), changes)
    counts = spikes.counts[:, 0].numpy()
    assert counts.sum() == pytest.approx(0.8 * count, rel=0.01)
    normal = NormalDist(at_us, std_us)
    expected = np.array([normal.cdf(100 * (t + 1)) for t in range(200)])
    # The bound of Kolmogorov and Smirnov that one sample in a thousand exceeds.
    assert np.abs(counts.cumsum() / counts.sum() - expected).max() < 1.95 / counts.sum() ** 0.5


def test_ids_that_no_sensor_has_are_dropped() -> None:
    store = pack([two_events([0, 1, 2], [1, 3, 2])], Sensor(4, 1, 1))
    damaged = replace(store, ids=np.array([1, 60_000, 4], np.uint16))
    assert as_lists(Binning(Sensor(4, 1, 1), dt_ms=1, steps=1).bin(damaged, np.arange(1))) == [[1]]


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
