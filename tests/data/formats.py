"""Writers of the published formats, byte for byte as their files have them, for tests of the readers."""

import struct
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

Row = tuple[Sequence[float], Sequence[int]]  # times in seconds, units

SHD_KEYS = [*(b"zero one two three four five six seven eight nine").split()]
SHD_KEYS += b"null eins zwei drei vier fuenf sechs sieben acht neun".split()


def write_heidelberg(
    file: Path,
    rows: Sequence[Row],
    labels: Sequence[int],
    *,
    speakers: Sequence[int] | None = None,
    keys: Sequence[bytes] = SHD_KEYS,
    chunks: bool = False,
    times: str = "float16",
) -> None:
    """The layout of zenkelab.org/resources/spiking-heidelberg-datasets-shd; `chunks` as PyTables writes it."""
    shape = {"chunks": (4,), "maxshape": (None,)} if chunks else {}
    with h5py.File(file, "w") as h5:
        spikes, extra = h5.create_group("spikes"), h5.create_group("extra")
        for name, column, dtype in (("times", 0, times), ("units", 1, "uint16")):
            data = spikes.create_dataset(name, (len(rows),), dtype=h5py.vlen_dtype(np.dtype(dtype)), **shape)
            for index, row in enumerate(rows):
                data[index] = np.array(row[column], dtype)
        h5["labels"] = np.array(labels, np.uint16)
        extra["keys"] = np.array(keys)
        if speakers is not None:
            extra["speaker"] = np.array(speakers, np.uint16)
            info = extra.create_group("meta_info")
            info["gender"] = np.array([b"female", b"male"] * 6)
            info["age"] = np.full(12, 30, np.uint16)
            info["body_height"] = np.full(12, 170.0, np.float32)


_HEAD = (
    "#!AER-DAT3.1",
    "#Format: RAW",
    "#Source 1: DVS128",
    "#Start-Time: 2016-10-12 10:58:33 (TZ-0700)",
    "#!END-HEADER",
)
AEDAT_HEAD = "".join(f"{line}\r\n" for line in _HEAD).encode()


def packet(
    events: Sequence[tuple[int, int, int, int]], *, overflow: int = 0, kind: int = 1, valid: bool = True
) -> bytes:
    """A packet of polarity events: 28 bytes of header, then 8 bytes an event.

    The order of the fields and bits: README.txt of the data set, and libcaer's `events/common.h` and `polarity.h`.
    """
    count = len(events)
    head = struct.pack("<hhiiiiii", kind, 1, 8, 4, overflow, count, count, count if valid else 0)
    words = ((x << 17 | y << 2 | p << 1 | int(valid), t_us) for x, y, p, t_us in events)
    return head + b"".join(struct.pack("<II", *word) for word in words)
