"""The container AEDAT 3.1: lines that begin with #, then packets of a header and events of one kind.

The fields are those of libcaer (`events/common.h`, `events/polarity.h`), all with the low byte first. A recorded packet
holds `eventNumber` events and no room for more, so that `eventCapacity` is equal to it.
"""

import struct
from array import array
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int16, Int64, UInt8

from spikeloom.checks import require

VERSION = b"#!AER-DAT3.1"
END = b"#!END-HEADER"
FORMAT = b"#Format:"
HEADER = struct.Struct("<hhiiiiii")  # type, source, size, time's offset, overflow, capacity, number, valid
EVENT = np.dtype([("word", "<u4"), ("t_us", "<i4")])
POLARITY = 1
OVERFLOW_BITS = 31  # a time is a signed number that counts to 2^31 and begins anew

UNPACK_AGAIN = "unpack the file again from the official archive"


@dataclass(frozen=True, eq=False)
class Packets:
    """Where the polarity events of a file lie.

    Args:
        start: `[P]` the byte at which a packet's events begin.
        count: `[P]` how many there are.
        overflow: `[P]` how often the clock had run over.
        first_us: `[P]` the earliest time in the packet in microseconds.
        last_us: `[P]` the latest.
    """

    start: Int64[np.ndarray, "P"]
    count: Int64[np.ndarray, "P"]
    overflow: Int64[np.ndarray, "P"]
    first_us: Int64[np.ndarray, "P"]
    last_us: Int64[np.ndarray, "P"]

    def between(self, start_us: int, end_us: int) -> "Packets":
        """The packets that hold times from `start_us` to before `end_us`."""
        near = (self.last_us >= start_us) & (self.first_us < end_us)
        return Packets(*(getattr(self, name)[near] for name in self.__dataclass_fields__))


@dataclass(frozen=True, eq=False)
class Polarities:
    """Polarity events as a sensor of any size records them.

    Args:
        t_us: `[K]` the sensor's time in microseconds.
        x: `[K]` column.
        y: `[K]` row.
        p: `[K]` 0 or 1.
    """

    t_us: Int64[np.ndarray, "K"]
    x: Int16[np.ndarray, "K"]
    y: Int16[np.ndarray, "K"]
    p: UInt8[np.ndarray, "K"]


def index(raw: bytes, source: str) -> Packets:
    """List the packets of polarity events in a whole file; packets of other kinds are passed over.

    Args:
        raw: the content of a file.
        source: the file, as an error names it.

    Raises:
        InputError: another format, a file that ends inside a packet, or a header that contradicts itself.
    """
    at, rows = _body(raw, source), array("q")
    while at < len(raw):
        header = f"{source}: packet at byte {at}"
        whole = len(raw) - at >= HEADER.size
        require(whole, header, f"a header of {HEADER.size} bytes", f"{len(raw) - at}, so it is truncated", UNPACK_AGAIN)
        kind, _, size, offset, overflow, capacity, number, _ = HEADER.unpack_from(raw, at)
        at += HEADER.size
        sound = size > 0 and 0 <= number == capacity and overflow >= 0
        got = f"{number} of {capacity} events of {size} bytes after {overflow} overflows"
        require(sound, header, "a sound header", got, UNPACK_AGAIN)
        got = f"{number} events of {size} bytes in the {len(raw) - at} bytes that are left"
        require(size * number <= len(raw) - at, header, "all of its events", got, UNPACK_AGAIN)
        if kind == POLARITY and number > 0:
            usual = size == EVENT.itemsize and offset == EVENT.fields["t_us"][1]  # type: ignore[index]
            got = f"{size} bytes with the time at {offset}"
            require(usual, header, f"events of {EVENT.itemsize} bytes with the time at 4", got, UNPACK_AGAIN)
            times = np.frombuffer(raw, EVENT, number, at)["t_us"]
            first = int(times.min())
            require(first >= 0, header, "times from 0 on", first, UNPACK_AGAIN)
            past = overflow << OVERFLOW_BITS
            rows.extend((at, number, overflow, past + first, past + int(times.max())))
        at += size * number
    return Packets(*np.frombuffer(rows, np.int64).reshape(-1, 5).T)


def read(raw: bytes, packets: Packets, *, at: int = 0) -> Polarities:
    """Read the valid events of some packets in the order of the file.

    Args:
        raw: the file's content from byte `at` on.
        packets: what `index` found in it.
        at: how many bytes of the file are left out before `raw`.
    """
    pieces = [np.frombuffer(raw, EVENT, n, s - at) for s, n in zip(packets.start, packets.count, strict=True)]
    events = np.concatenate(pieces) if pieces else np.empty(0, EVENT)
    t_us = events["t_us"] + np.repeat(packets.overflow << OVERFLOW_BITS, packets.count)
    word = events["word"]
    valid = (word & 1).astype(bool)
    t_us, word = t_us[valid], word[valid]
    x, y = (word >> 17).astype(np.int16), (word >> 2 & 0x7FFF).astype(np.int16)
    return Polarities(t_us, x, y, (word >> 1 & 1).astype(np.uint8))


def _body(raw: bytes, source: str) -> int:
    """The byte at which packets begin."""
    line = raw[: len(VERSION)]
    require(line == VERSION, source, f"a file that begins with {VERSION.decode()}", repr(line), UNPACK_AGAIN)
    at = 0
    # files of some recorders have no end of the header; a packet cannot begin with #, a type that is not given out
    while raw[at : at + 1] == b"#":
        end = raw.find(b"\n", at)
        require(end >= 0, source, "packets after the header", "a file that ends inside it", UNPACK_AGAIN)
        line, at = raw[at:end].strip(), end + 1
        if line.startswith(FORMAT):
            form = line[len(FORMAT) :].strip()
            require(form == b"RAW", f"{source}: format", "RAW", repr(form[:40]), "export it without compression")
        if line == END:
            break
    return at
