"""The binning kernel on its own; what changes make of events is tested with the data."""

from itertools import pairwise

import numpy as np
import pytest

from spikeloom.kernels.cpu import binning
from spikeloom.kernels.cpu.binning import Alterations, Frame, Recordings

ALL_STAY = 1 << 32


def alterations(samples: int, jitter_us: float = 0.0) -> Alterations:
    none = np.zeros(samples, np.int64)
    stay, keys = np.full(samples, ALL_STAY, np.uint64), np.arange(samples).astype(np.uint64)
    still, step_us, moved_us = (
        np.tile(binning.UNIT * np.eye(2, dtype=np.int64), (samples, 1, 1)),
        np.full(samples, 1000.0),
        np.full(samples, jitter_us),
    )
    return Alterations(none, none, none.astype(bool), still, step_us, stay, moved_us, keys)


def encode(
    recordings: Recordings, chosen: list[int], neurons: int, steps: int, jitter_us: float = 0.0
) -> list[list[int]]:
    """Each row's ids, from arrays that were full of other numbers."""
    samples = np.array(chosen)
    events = int(sum(recordings.start[s + 1] - recordings.start[s] for s in chosen))
    ids = np.full(events + binning.UNROLL, -7, np.int32)
    row_start, spike_count = np.full(len(chosen) * steps + 1, -7), np.full(len(chosen) * steps, -7, np.int32)
    frame = Frame(neurons, 1, 1, neurons, 1)
    changed = alterations(len(chosen), jitter_us)
    binning.encode(recordings, samples, changed, frame, steps, ids, row_start, spike_count)
    assert np.array_equal(np.diff(row_start), spike_count)
    return [ids[a:b].tolist() for a, b in pairwise(row_start)]


def recordings(neurons: int, steps: int, lengths: list[int]) -> Recordings:
    rng = np.random.default_rng(neurons)
    t_us = np.concatenate([np.sort(rng.integers(0, 1100 * steps, length)) for length in lengths]).astype(np.int32)
    ids = rng.integers(0, neurons, len(t_us)).astype(np.int32)
    return Recordings(t_us, ids, np.append(0, np.cumsum(lengths)))


def rows_of(given: Recordings, chosen: list[int], steps: int) -> list[list[int]]:
    rows: list[list[int]] = []
    for s in chosen:
        mine = slice(given.start[s], given.start[s + 1])
        step = given.t_us[mine] // 1000
        rows += [sorted(set(given.ids[mine][step == t].tolist())) for t in range(steps)]
    return rows


# Around whole words and whole groups of words, and more than the bits of a step may take.
@pytest.mark.parametrize("neurons", [1, 63, 64, 65, 511, 512, 513, 3000, 12 << 20])
def test_rows_hold_each_neuron_once_and_ascending(neurons: int) -> None:
    given, chosen = recordings(neurons, 5, [300, 0, 1, 17, 2000]), [4, 0, 1, 2, 4, 3]
    assert encode(given, chosen, neurons, 5) == rows_of(given, chosen, 5)


def test_steps_that_do_not_fit_are_done_in_turns() -> None:
    neurons = 40_000
    steps = 3 * binning.MAP_BYTES // (neurons // 8)
    given = recordings(neurons, steps, [5000, 40])
    assert encode(given, [1, 0], neurons, steps) == rows_of(given, [1, 0], steps)
    whole = encode(given, [0], neurons, steps, jitter_us=2000.0)
    assert whole != rows_of(given, [0], steps)
    # Steps that are taken together do not change what is in them.
    few = 100
    assert encode(given, [0], neurons, few, jitter_us=2000.0) == whole[:few]


def test_dense_rows_are_listed_whole() -> None:
    ids = np.tile(np.arange(700, dtype=np.int32), 2)
    given = Recordings(np.zeros(1400, np.int32), ids, np.array([0, 1400]))
    assert encode(given, [0, 0], 700, 2) == [list(range(700)), []] * 2
