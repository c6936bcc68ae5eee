"""Spikes by neuron, against a plain loop."""

import numpy as np
import pytest

from spikeloom.kernels.cpu import columns
from spikeloom.kernels.cpu.compile import kernel

STEPS, SAMPLES, NEURONS = 7, 3, 130
STRIDE = 50


@kernel
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
