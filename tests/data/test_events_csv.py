"""Recordings as CSV."""

import pytest

from spikeloom import InputError
from spikeloom.data.events import Sensor
from spikeloom.data.events_csv import decode

SENSOR = Sensor(6, 5, 2)


def test_columns_come_in_any_order_and_some_may_be_absent() -> None:
    events = decode(b"x,t,p,y\n5,10,1,4\n0, 20,0,3\n", SENSOR, "f")
    assert (events.t_us.tolist(), events.x.tolist()) == ([10, 20], [5, 0])
    assert (events.y.tolist(), events.p.tolist()) == ([4, 3], [1, 0])
    events = decode(b"\xef\xbb\xbft,x\r\n1,5\r\n\r\n2,4", SENSOR, "f")
    assert (events.t_us.tolist(), events.x.tolist(), events.y.tolist()) == ([1, 2], [5, 4], [0, 0])
    assert decode(b"t\n1\n2\n", SENSOR, "f").t_us.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "^f: expected a first line t,x,y,p, got ''; name the columns"),
        ("1,2,3,4\n", "^f: expected a first line t,x,y,p, got '1,2,3,4'"),
        ("t,x,x\n1,2,3\n", "^f: expected a first line t,x,y,p, got 't,x,x'"),
        ("t,x,y,p,q\n", "^f: expected a first line t,x,y,p, got 't,x,y,p,q'"),
        ("x,y\n1,2\n", "^f: expected a first line t,x,y,p, got 'x,y'"),
        ("t,x\n", "^f: expected at least one event, got a head alone"),
        ("t,x\n1,2\n0.5,2\n", "^f: line 3: expected whole numbers, got '.'; give time in whole microseconds"),
        (
            "t,x\n1,2\n3\n",
            "^f: expected 2 whole numbers a line, got the number of columns changed from 2 to 1 at row 2",
        ),
        ("t,x\n1,2,3\n", "^f: expected 2 numbers a line, got 3; give each line"),
        (
            "t,x\n1,\n",
            "^f: expected 2 whole numbers a line, got could not convert string '' to int64 at row 0, column 2",
        ),
        ("t,x\n1,99999999999999999999\n", "^f: expected 2 whole numbers a line, got could not convert string '999"),
        ("t,x\n1,99999\n", "^f: x: expected values from -32768 to 32767, got 99999 to 99999"),
        ("t,x\n1,6\n", "^f: x: expected 0 to 5, got 6 in event 0"),
        ("t,x\n-1,0\n", "^f: t_us: expected time from 0 on, got -1"),
    ],
)
def test_wrong_content_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode(text.encode(), SENSOR, "f")
