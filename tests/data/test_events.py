"""Events and what makes them unusable."""

from typing import Any

import numpy as np
import pytest

from spikeloom import InputError
from spikeloom.data.events import Events, Sensor

SENSOR = Sensor(5, 4, 2)


def events(t_us: Any = (0, 3, 3), x: Any = (0, 4, 1), y: Any = (3, 0, 2), p: Any = (0, 1, 1)) -> Events:
    return Events(np.array(t_us, np.int64), np.array(x, np.int16), np.array(y, np.int16), np.array(p, np.uint8))


def test_id_is_polarity_then_row_then_column() -> None:
    assert events().ids(SENSOR).tolist() == [3 * 5 + 0, (4 + 0) * 5 + 4, (4 + 2) * 5 + 1]


def test_ids_of_a_sensor_are_all_different() -> None:
    p, y, x = np.unravel_index(np.arange(SENSOR.size), (2, 4, 5))
    assert events(np.zeros(40), x, y, p).ids(SENSOR).tolist() == list(range(40))


def test_usable_events_pass_the_check_unchanged() -> None:
    usable = events()
    assert usable.check(SENSOR, "file") is usable
    assert len(usable) == 3


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": (0, 5, 1)}, r"^file: x: expected 0 to 4, got 5 in event 1; the sensor is 5x4x2: .*\?$"),
        ({"x": (0, 4, -1)}, r"^file: x: expected 0 to 4, got -1 in event 2; "),
        ({"y": (4, 0, 2)}, r"^file: y: expected 0 to 3, got 4 in event 0; "),
        ({"p": (0, 2, 1)}, r"^file: p: expected 0 to 1, got 2 in event 1; "),
        ({"t_us": (5, 4, 9)}, r"^file: t_us: expected times that do not decrease, got 4 after 5 in event 1; sort"),
        ({"t_us": (-1, 4, 9)}, r"^file: t_us: expected time from 0 on, got -1; count it from the start"),
        ({"t_us": (0, 1)}, r"^file: expected t_us, x, y and p of equal length, got \{'t_us': 2, 'x': 3, "),
        ({"t_us": (), "x": (), "y": (), "p": ()}, r"^file: expected at least one event, got an empty recording; leave"),
    ],
)
def test_unusable_events_are_named(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        events(**changed).check(SENSOR, "file")


@pytest.mark.parametrize("column", ["t_us", "x"])
def test_columns_are_integers(column: str) -> None:
    columns = {name: getattr(events(), name) for name in ("t_us", "x", "y", "p")}
    columns[column] = columns[column] / 1000.0
    with pytest.raises(InputError, match=f"^file: {column}: expected integers, got float64"):
        Events(**columns).check(SENSOR, "file")


def test_a_sensor_has_a_size() -> None:
    assert Sensor(34, 34).size == 2312
    with pytest.raises(InputError, match="^sensor height: expected at least 1, got 0"):
        Sensor(3, 0)
