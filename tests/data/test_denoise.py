"""The background-activity filter against a loop over all pairs of events."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.data.denoise import denoise
from spikeloom.data.events import Events, Sensor


def oracle(events: Events, window_us: float) -> list[int]:
    """The places of the events that have company."""
    t, x, y = (column.astype(int) for column in (events.t_us, events.x, events.y))

    def accompanies(earlier: int, i: int) -> bool:
        near = abs(x[earlier] - x[i]) <= 1 and abs(y[earlier] - y[i]) <= 1
        return bool(near and t[i] - t[earlier] <= window_us)

    return [i for i in range(len(t)) if any(accompanies(earlier, i) for earlier in range(i))]


# The first call compiles.
@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.001, 0.5, 3.0, 1e6]), st.integers(0, 99))
def test_keeps_what_has_company(width: int, height: int, window_ms: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = (rng.integers(0, size, 60) for size in (width, height, 2))
    x, y, p = (column.astype(kind) for column, kind in zip(columns, (np.int16, np.int16, np.uint8), strict=True))
    events = Events(np.sort(rng.integers(0, 20_000, 60)), x, y, p)
    kept = denoise(events, Sensor(width, height), window_ms)
    expected = oracle(events, 1000 * window_ms)
    for name in ("t_us", "x", "y", "p"):
        assert getattr(kept, name).tolist() == getattr(events, name)[expected].tolist()
        assert getattr(kept, name).dtype == getattr(events, name).dtype


def test_noise_goes_and_a_moving_edge_stays() -> None:
    rng, sensor = np.random.default_rng(0), Sensor(64, 64)
    edge = [(1000 * step + row, step, row) for step in range(64) for row in range(20, 40)]
    noise = np.column_stack([rng.integers(0, 64_000, 200), rng.integers(0, 64, 200), rng.integers(0, 64, 200)])
    rows = np.concatenate([np.array(edge), noise])
    is_edge = np.arange(len(rows)) < len(edge)
    order = np.argsort(rows[:, 0], kind="stable")
    rows, is_edge = rows[order], is_edge[order]
    marked = Events(rows[:, 0], rows[:, 1].astype(np.int16), rows[:, 2].astype(np.int16), is_edge.astype(np.uint8))
    kept = denoise(marked, sensor, 1.5)
    assert kept.p.sum() / len(edge) > 0.98
    assert (1 - kept.p.astype(int)).sum() / 200 < 0.1


@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_any_integers_will_do(kind: type) -> None:
    columns = ([0, 5, 900], [0, 1, 3], [0, 0, 0], [0, 0, 0])
    kept = denoise(Events(*(np.array(c, kind) for c in columns)), Sensor(4, 1, 1), 0.01)
    assert kept.t_us.tolist() == [5]
