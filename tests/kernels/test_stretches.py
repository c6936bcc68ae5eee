"""Spikes by neuron of a stretch of steps, and sums over them, against plain loops."""

import numba
import numpy as np
import pytest

from spikeloom.kernels.cpu import columns, simd, stretches
from spikeloom.kernels.cpu.compile import FLAGS

# Not `kernel`: that keeps compiled code on disk, under the digest of the package's sources and not of this file.
compiled = numba.njit(**FLAGS)
STEPS, SAMPLES, NEURONS = 7, 3, 130
TAKEN = 5
spans = pytest.mark.parametrize(("origin", "after"), [(0, STEPS), (0, 2), (3, 5), (6, 7)])
samples = pytest.mark.parametrize(("first", "end"), [(0, SAMPLES), (1, 2), (2, 3)])
activities = pytest.mark.parametrize("activity", [0.0, 0.1, 1.0])


@compiled
def _of_rows(ids, row_start, spike_count, first, end, origin, after, start, places, used):
    return stretches.list_rows(ids, row_start, spike_count, first, end, STEPS, origin, after, start, places, used, 1)


@compiled
def _of_bits(spikes, first, end, origin, after, start, places, used):
    return stretches.list_bits(spikes, first, end, STEPS, origin, after, start, places, used, 1)


@compiled
def _sum(width, d_weight, start, places, base, d, low, high, fresh):
    columns.sum_places(width, d_weight, np.uint64(0), start, places, base, d, low, high, fresh)


def raster(activity: float) -> np.ndarray:
    return np.random.default_rng(0).random((SAMPLES, STEPS, NEURONS)) < activity


def listed(fired: np.ndarray, first: int, end: int, origin: int, after: int, *, lag: int) -> list[list[int]]:
    """The places of each neuron by sample, then by step, from a loop."""
    found: list[list[int]] = [[] for _ in range(NEURONS)]
    for b in range(first, end):
        for t in range(max(origin, lag), after):
            for n in np.flatnonzero(fired[b, t - lag]):
                found[n].append((t - origin) * (end - first) + b - first)
    return found


def taken_apart(start: np.ndarray, places: np.ndarray, base: int) -> list[list[int]]:
    return [places[base + start[n] : base + start[n + 1]].tolist() for n in range(NEURONS)]


def room(neurons: int, fired: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`start`, `places`, and counters of which the second says that some places are taken."""
    size = int(fired.sum()) + TAKEN
    return np.full(neurons + 1, 99, np.uint32), np.full(size, 99, np.uint32), np.array([0, TAKEN])


@activities
@samples
@spans
def test_rows_by_neuron(activity: float, first: int, end: int, origin: int, after: int) -> None:
    fired = raster(activity)
    ids = np.nonzero(fired)[2].astype(np.uint32)
    count = fired.sum(2).ravel().astype(np.uint32)
    row_start = np.concatenate([[0], np.cumsum(count)]).astype(np.uint64)
    start, places, used = room(NEURONS, fired)
    base = _of_rows(ids, row_start, count, first, end, origin, after, start, places, used)
    want = listed(fired, first, end, origin, after, lag=0)
    assert base == TAKEN
    assert used.tolist() == [0, TAKEN + sum(map(len, want))]
    assert taken_apart(start, places, base) == want


@activities
@samples
@spans
def test_bits_by_neuron_come_a_step_later(activity: float, first: int, end: int, origin: int, after: int) -> None:
    fired = raster(activity)
    padded = np.zeros((SAMPLES * STEPS, 192), bool)
    padded[:, :NEURONS] = fired.reshape(-1, NEURONS)
    words = np.ascontiguousarray(np.packbits(padded, axis=1, bitorder="little").view(np.uint64).T)  # [N / 64, R]
    start, places, used = room(192, fired)
    base = _of_bits(words, first, end, origin, after, start, places, used)
    assert taken_apart(start, places, base) == listed(fired, first, end, origin, after, lag=1)
    assert start[NEURONS] == start[-1]


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize(("low", "high"), [(0, 6), (2, 5), (3, 3)])
def test_sums_of_some_rows(fresh: bool, low: int, high: int) -> None:
    generator = np.random.default_rng(0)
    sizes, d = np.array([2, 0, 3, 1, 0, 4]), generator.integers(-8, 8, (9, 64)).astype(np.float32)
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.uint32)
    places = np.concatenate([[7] * TAKEN, generator.integers(0, 9, sizes.sum())]).astype(np.uint32)
    before = generator.integers(-8, 8, (6, 64)).astype(np.float32)
    got = before.copy()
    _sum(simd.host_width(), got.ravel(), start, places, np.uint64(TAKEN), d.ravel(), low, high, fresh)
    want = before.copy()
    for i in range(low, high):
        mine = places[TAKEN + start[i] : TAKEN + start[i + 1]]
        want[i] = d[mine].sum(0) + (0 if fresh else before[i])
    assert np.array_equal(got, want)
