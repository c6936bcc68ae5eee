"""The container AEDAT 3.1."""

import struct

import pytest
from data.formats import AEDAT_HEAD, packet

from spikeloom import InputError
from spikeloom.data import aedat


def test_bits_lie_as_the_format_says() -> None:
    word = 0b000000001010011_000000001111111_1_1  # x 83, y 127, ON, valid
    raw = AEDAT_HEAD + struct.pack("<hhiiiiii", 1, 1, 8, 4, 0, 1, 1, 1) + struct.pack("<II", word, 0x01020304)
    seen = aedat.read(raw, aedat.index(raw, "file"))
    assert (seen.x.tolist(), seen.y.tolist(), seen.p.tolist()) == ([83], [127], [1])
    assert seen.t_us.tolist() == [0x01020304]


def test_other_kinds_empty_packets_and_invalid_events_are_passed_over() -> None:
    special = packet([(0, 0, 0, 3)], kind=0)
    raw = AEDAT_HEAD + special + packet([]) + packet([(1, 2, 1, 5)]) + packet([(9, 9, 1, 6)], valid=False)
    packets = aedat.index(raw, "file")
    assert packets.count.tolist() == [1, 1]
    assert aedat.read(raw, packets).x.tolist() == [1]


def test_an_overflow_of_the_clock_counts() -> None:
    raw = AEDAT_HEAD + packet([(0, 0, 0, 2**31 - 1)]) + packet([(1, 0, 0, 0), (2, 0, 0, 9)], overflow=1)
    packets = aedat.index(raw, "file")
    assert (packets.first_us.tolist(), packets.last_us.tolist()) == ([2**31 - 1, 2**31], [2**31 - 1, 2**31 + 9])
    assert aedat.read(raw, packets).t_us.tolist() == [2**31 - 1, 2**31, 2**31 + 9]
    assert packets.between(2**31, 2**31 + 1).start.tolist() == packets.start[1:].tolist()


def test_a_part_of_the_file_is_enough() -> None:
    raw = AEDAT_HEAD + packet([(1, 0, 0, 1)]) + packet([(2, 0, 0, 2)]) + packet([(3, 0, 0, 3)])
    packets = aedat.index(raw, "file").between(2, 3)
    begin = int(packets.start[0])
    assert aedat.read(raw[begin : begin + 8], packets, at=begin).x.tolist() == [2]


def test_a_header_without_an_end_is_read_too() -> None:
    raw = b"#!AER-DAT3.1\r\n#Format: RAW\r\n" + packet([(1, 2, 1, 5)])
    assert aedat.index(raw, "file").count.tolist() == [1]
    assert aedat.index(AEDAT_HEAD, "file").count.tolist() == []


def _packet(**changed: int) -> bytes:
    fields = {"kind": 1, "source": 1, "size": 8, "offset": 4, "overflow": 0, "capacity": 1, "number": 1, "valid": 1}
    return struct.pack("<hhiiiiii", *(fields | changed).values()) + struct.pack("<II", 1, 7)


AT = len(AEDAT_HEAD)
ALL = 2**31 - 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            _packet()[:27],
            f"^file: packet at byte {AT}: expected a header of 28 bytes, got 27, so it is truncated; unpack",
        ),
        (_packet()[:-1], "expected all of its events, got 1 events of 8 bytes in the 7 bytes that are left; unpack"),
        (_packet(capacity=ALL, number=ALL), f"got {ALL} events of 8 bytes in the 8 bytes that are left"),
        (_packet(capacity=ALL, number=ALL, size=ALL), f"got {ALL} events of {ALL} bytes in the 8 bytes that are left"),
        (_packet(capacity=2), "expected a sound header, got 1 of 2 events of 8 bytes after 0 overflows; unpack"),
        (_packet(capacity=-1, number=-1), "expected a sound header, got -1 of -1 events"),
        (_packet(size=0), "expected a sound header, got 1 of 1 events of 0 bytes"),
        (_packet(overflow=-1), "expected a sound header, got 1 of 1 events of 8 bytes after -1 overflows"),
        (_packet(size=4), "expected events of 8 bytes with the time at 4, got 4 bytes with the time at 4"),
        (_packet(offset=0), "expected events of 8 bytes with the time at 4, got 8 bytes with the time at 0"),
        (packet([(0, 0, 0, 2**32 - 5)]), "expected times from 0 on, got -5; unpack"),
    ],
)
def test_a_damaged_packet_is_named(body: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        aedat.index(AEDAT_HEAD + body, "file")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "^file: expected a file that begins with #!AER-DAT3.1, got b''"),
        (b"#!AER-DAT2.0\r\n", "^file: expected a file that begins with #!AER-DAT3.1, got b'#!AER-DAT2.0'"),
        (b"#!AER-DAT3.1\r\n#Format: Serial-TS\r\n", "^file: format: expected RAW, got b'Serial-TS'; export it"),
        (b"#!AER-DAT3.1\r\n#Form", "^file: expected packets after the header, got a file that ends inside it"),
    ],
)
def test_another_format_is_named(raw: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        aedat.index(raw, "file")
