"""Spikes by neuron, against a plain loop, and sums by neuron, against plain products of dyadic numbers."""

import numba
import numpy as np
import pytest
from kernels.inputs import sixteenths

from spikeloom.kernels.cpu import columns
from spikeloom.kernels.cpu.compile import FLAGS
from spikeloom.kernels.cpu.simd import Width

STEPS, SAMPLES, NEURONS = 7, 3, 130
STRIDE = 50
# Not `kernel`: that keeps compiled code on disk, under the digest of the package's sources and not of this file.
compiled = numba.njit(**FLAGS)


@compiled
def _of_rows(ids, row_start, spike_count, first, end, start, places, base):
    columns.columns_of_rows(ids, row_start, spike_count, first, end, STEPS, STRIDE, start, places, base)


def raster(activity: float) -> np.ndarray:
    return np.random.default_rng(0).random((SAMPLES, STEPS, NEURONS)) < activity


def listed(fired: np.ndarray, first: int, end: int) -> list[list[int]]:
    """The places of each neuron, by a loop."""
    found: list[list[int]] = [[] for _ in range(NEURONS)]
    for b in range(first, end):
        for t in range(STEPS):
            for n in np.flatnonzero(fired[b, t]):
                found[n].append((b - first) * STRIDE + t)
    return found


def taken_apart(start: np.ndarray, places: np.ndarray, base: int) -> list[list[int]]:
    return [places[base + start[n] : base + start[n + 1]].tolist() for n in range(NEURONS)]


@pytest.mark.parametrize("activity", [0.0, 0.1, 1.0])
@pytest.mark.parametrize(("first", "end"), [(0, SAMPLES), (1, 2), (2, 3)])
def test_rows_by_neuron(activity: float, first: int, end: int) -> None:
    fired = raster(activity)
    ids = np.nonzero(fired)[2].astype(np.uint32)
    count = fired.sum(2).ravel().astype(np.uint32)
    row_start = np.concatenate([[0], np.cumsum(count)]).astype(np.uint64)
    start, places = np.full(NEURONS + 1, 99, np.uint32), np.full(fired.sum() + 5, 99, np.uint32)
    _of_rows(ids, row_start, count, first, end, start, places, 5)
    assert taken_apart(start, places, 5) == listed(fired, first, end)


@compiled
def _sum(width, d_weight, row, start, places, base, d, fresh):
    columns.sum_places(width, d_weight, row, start, places, base, d, 0, len(start) - 1, fresh)


@pytest.mark.parametrize("activity", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("fresh", [False, True])
def test_sums_by_neuron(width: Width, activity: float, fresh: bool) -> None:
    """Added to what is there; where they are fresh, in its place, and zeros without a spike."""
    fired, d = raster(activity), sixteenths(SAMPLES * STRIDE, 64, seed=1)
    lists = listed(fired, 0, SAMPLES)
    start = np.append(0, np.cumsum([len(of_one) for of_one in lists])).astype(np.uint32)
    places = np.array([99] * 5 + [place for of_one in lists for place in of_one], np.uint32)
    before = sixteenths(3, NEURONS, 64, seed=2)  # three blocks, of which the second is meant
    if fresh:
        before[1] = np.nan
    got, given = before.copy(), (NEURONS * 64, start, places, 5, d.ravel())
    _sum(width, got.ravel(), *given, fresh)
    want = before.copy()
    of_steps = d.reshape(SAMPLES, STRIDE, 64)[:, :STEPS].astype(np.float64)
    want[1] = np.einsum("bti,btn->in", fired, of_steps) + (0 if fresh else before[1])
    assert np.array_equal(got, want)
