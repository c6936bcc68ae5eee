"""Columns of one's own, of any kind of integer, as events."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikeloom.checks import require
from spikeloom.data.events import Events, Sensor

TYPES: dict[str, type[np.signedinteger[Any] | np.unsignedinteger[Any]]] = {
    "t": np.int64,
    "x": np.int16,
    "y": np.int16,
    "p": np.uint8,
}


def from_columns(columns: Mapping[str, np.ndarray], sensor: Sensor, source: str) -> Events:
    """Make events of the columns t, x, y, p; what is absent beside t is 0, as for sensors of one row.

    Args:
        columns: `[K]` integers each, by name; t in microseconds.
        sensor: what the events must lie on.
        source: the file or sample, as an error names it.

    Raises:
        InputError: no t, values that the column's type cannot hold, and whatever `Events.check` finds.
    """
    require("t" in columns, source, "a column t", ", ".join(columns) or "none", "save the times in microseconds as t")
    nothing = np.zeros(len(columns["t"]), np.uint8)
    return Events(*(_fit(columns.get(name, nothing), name, source) for name in TYPES)).check(sensor, source)


def _fit(column: np.ndarray, name: str, source: str) -> np.ndarray:
    """`column` in the type of events, which must not wrap a value around."""
    kind = np.iinfo(TYPES[name])
    if len(column) > 0 and (int(column.min()) < kind.min or int(column.max()) > kind.max):
        got = f"{int(column.min())} to {int(column.max())}"
        require(
            False, f"{source}: {name}", f"values from {kind.min} to {kind.max}", got, "is the column the right one?"
        )
    return np.ascontiguousarray(column, TYPES[name])
