"""Room for kernels begins at a line of the cache, and samples are cut into chunks that nothing falls between."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeloom.ops import arrays


@pytest.mark.parametrize("shape", [(1,), (3, 5), (7, 64), (2, 3, 64), (1 << 20,)])
def test_room_begins_at_a_line_of_the_cache(shape: tuple[int, ...]) -> None:
    rooms = [arrays.room(*shape) for _ in range(9)]
    for room in rooms:
        assert (room.shape, room.dtype, room.flags.c_contiguous) == (shape, np.dtype("f4"), True)
        assert room.ctypes.data % 64 == 0
        room[...] = 1
    for i, room in enumerate(rooms):
        room[...] = i
    assert all((room == i).all() for i, room in enumerate(rooms)), "no two share"
    assert arrays.room(0, 64).shape == (0, 64)


@pytest.fixture
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_own", threading.local())
    monkeypatch.setattr(arrays, "GRAIN", 1 << 10)


@pytest.mark.usefixtures("_fresh")
def test_scratch_is_the_same_until_more_is_wanted() -> None:
    first = arrays.scratch(100)
    assert (first.shape, first.ctypes.data % 64) == ((100,), 0)
    assert arrays.scratch(1 << 10).ctypes.data == first.ctypes.data
    more = arrays.scratch((1 << 10) + 1)
    assert (more.shape, more.ctypes.data % 64) == (((1 << 10) + 1,), 0)
    assert arrays.scratch(7).ctypes.data == more.ctypes.data
    assert arrays.scratch(0).shape == (0,)


@pytest.mark.usefixtures("_fresh")
def test_each_thread_has_scratch_of_its_own() -> None:
    mine, theirs = arrays.scratch(100), []
    thread = threading.Thread(target=lambda: theirs.append(arrays.scratch(100)))
    thread.start()
    thread.join()
    assert not np.shares_memory(mine, theirs[0])


@given(st.integers(1, 8), st.integers(1, 300), st.integers(1, 5000))
def test_chunks_of_samples(blocks: int, batch: int, steps: int) -> None:
    groups = arrays.sample_groups(blocks, batch)
    bounds = arrays.chunk_bounds(groups, batch, steps)
    assert bounds.dtype == np.int64
    assert (bounds[0], bounds[-1]) == (0, batch)
    sizes = np.diff(bounds)
    assert (sizes > 0).all(), "no chunk is empty"
    assert (len(bounds) - 1) % groups == 0, "each group has as many"
    each = (len(bounds) - 1) // groups
    assert bounds[::each].tolist() == [batch * group // groups for group in range(groups + 1)]
    # Groups may differ by a sample, and so may their chunks.
    assert ((sizes - 2) * steps <= arrays.CHUNK_ROWS).all()
    assert sizes.max() - sizes.min() <= 2


@pytest.mark.parametrize(
    ("groups", "batch", "steps", "expected"),
    [
        (1, 1, 1, [0, 1]),
        (1, 48, 50, [0, 48]),
        (1, 49, 50, [0, 24, 49]),
        (1, 48, 100, [0, 24, 48]),
        (2, 48, 100, [0, 24, 48]),
        (2, 48, 200, [0, 12, 24, 36, 48]),
        (2, 5, 3000, [0, 1, 2, 3, 5]),
        (1, 3, 100_000, [0, 1, 2, 3]),
    ],
)
def test_chunks_by_hand(groups: int, batch: int, steps: int, expected: list[int]) -> None:
    assert arrays.chunk_bounds(groups, batch, steps).tolist() == expected
