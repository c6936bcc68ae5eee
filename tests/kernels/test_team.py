"""Phases of work that begin when the one before has ended."""

import threading

import numba
import numpy as np
import pytest

from spikeloom.kernels.cpu import team, workers
from spikeloom.kernels.cpu.bits import finish, take_next
from spikeloom.kernels.cpu.compile import FLAGS

# Not `kernel`: that keeps compiled code on disk, under the digest of the package's sources and not of this file.
compiled = numba.njit(**FLAGS)
UNITS = 10


@compiled
def _diffuse(counter, taken, done, values, taken_by):
    """Each phase makes a new row out of sums of neighbours of the row before: wrong where a phase begins too early."""
    me, shares = take_next(counter), taken.shape[1]
    for phase in range(taken.shape[0]):
        if phase > 0:
            team.wait_for(done, phase - 1, shares)
        for i in range(shares):
            share = (me + i) % shares
            if team.claim(taken.ravel(), phase * shares + share):
                taken_by[phase, share] += 1
                begin, behind = team.part_of(UNITS, share, shares)
                for unit in range(begin, behind):
                    left, right = values[phase, unit - 1], values[phase, (unit + 1) % UNITS]
                    values[phase + 1, unit] = (left + right) % 1000003
                finish(done, phase)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("shares", [1, 3, 12])
def test_a_phase_sees_all_of_the_one_before(threads: int, shares: int) -> None:
    """With fewer workers than shares, others take what nobody has come for."""
    phases = 300
    values = np.zeros((phases + 1, UNITS), np.int64)
    values[0] = np.arange(UNITS)
    taken_by = np.zeros((phases, shares), np.int64)
    finished = threading.Event()

    def run() -> None:
        zeros = np.zeros((phases, shares), np.int64), np.zeros(phases, np.int64)
        workers.run(threads, _diffuse, *zeros, values, taken_by)
        finished.set()

    threading.Thread(target=run, daemon=True).start()
    assert finished.wait(60), "workers wait for each other"
    want = np.arange(UNITS)
    for row in values[1:]:
        want = (np.roll(want, 1) + np.roll(want, -1)) % 1000003
        assert np.array_equal(row, want)
    assert (taken_by == 1).all()


@compiled
def _reserve(counter, used, sizes, found):
    i = take_next(counter)
    while i < len(sizes):
        found[i] = team.reserve(used, 1, sizes[i])
        i = take_next(counter)


def test_places_are_reserved_once() -> None:
    sizes, used, found = np.arange(50), np.array([7, 3]), np.zeros(50, np.int64)
    workers.run(2, _reserve, used, sizes, found)
    assert used.tolist() == [7, 3 + sizes.sum()]
    order = np.argsort(found + np.arange(50) * 1e-9)
    assert (np.diff(found[order]) >= 0).all()
    taken = sorted(place for start, size in zip(found, sizes, strict=True) for place in range(start, start + size))
    assert taken == list(range(3, 3 + sizes.sum()))
