"""Recordings as CSV: a line `t,x,y,p`, then one event a line, in whole numbers."""

import io

import numpy as np

from spikeloom.checks import InputError, require
from spikeloom.data.events import Events, Sensor
from spikeloom.data.events_columns import from_columns

NAMES = ("t", "x", "y", "p")
NUMBERS = b"0123456789+-, \t\r\n"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # what spreadsheets put first


def decode(raw: bytes, sensor: Sensor, source: str) -> Events:
    """Read the columns t, in whole microseconds, and x, y, p, in any order; what is absent of the last three is 0.

    Args:
        raw: the content of a file.
        sensor: what the events must lie on.
        source: the file, as an error names it.

    Raises:
        InputError: another head, what is no whole number, rows of unequal length, and whatever `Events.check` finds.
    """
    head, _, body = raw.removeprefix(BYTE_ORDER_MARK).partition(b"\n")
    names = [name.strip() for name in head.decode("ascii", "replace").split(",", len(NAMES))]
    known = len(set(names)) == len(names) and set(names) <= set(NAMES) and "t" in names
    require(
        known, source, "a first line t,x,y,p", repr(head.decode("ascii", "replace").strip()[:60]), "name the columns"
    )
    other = body.translate(None, NUMBERS)
    if other:  # checked here, as NumPy reads an integer such as 1.5 by way of a float
        line = body.count(b"\n", 0, body.index(other[:1])) + 2
        remedy = "give time in whole microseconds, and pixels as numbers"
        require(False, f"{source}: line {line}", "whole numbers", repr(other[:1].decode("latin-1")), remedy)
    require(len(body.split(None, 1)) > 0, source, "at least one event", "a head alone", "leave it out of the data set")
    try:
        table = np.loadtxt(io.BytesIO(body), np.int64, delimiter=",", ndmin=2, comments=None)
    except (ValueError, OverflowError) as error:
        got = " ".join(str(error).split(";")[0].split())
        raise InputError(
            f"{source}: expected {len(names)} whole numbers a line, got {got}; correct the line"
        ) from error
    wide = table.shape[1] == len(names)
    require(wide, source, f"{len(names)} numbers a line", table.shape[1], "give each line what the first line names")
    return from_columns(dict(zip(names, table.T, strict=True)), sensor, source)
