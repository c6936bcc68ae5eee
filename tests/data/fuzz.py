"""Files damaged in the ways in which files get damaged, and some more."""

import tracemalloc
from collections.abc import Callable, Sequence

from hypothesis import settings
from hypothesis import strategies as st

from spikeloom import InputError

STEADY = settings(derandomize=True, deadline=None, max_examples=100)
EXTREMES = (0, 1, 0x7FFF, 0xFFFF, 1 << 31, (1 << 31) - 1, (1 << 32) - 1, (1 << 31) + 4)
WAYS = ("cut", "flip", "byte", "number", "splice", "drop")

MOST_TIMES = 80  # what a reader may take beside the file's size; npz may unpack to 64 times its size
SPARE_BYTES = 4 << 20


@st.composite
def damaged(draw: st.DrawFn, valid: Sequence[bytes]) -> bytes:
    """One of the files in `valid`, changed at up to four places, or bytes of no meaning."""
    if draw(st.integers(0, 19)) == 0:
        return draw(st.binary(max_size=300))
    raw = bytearray(draw(st.sampled_from(valid)))
    for way in draw(st.lists(st.sampled_from(WAYS), min_size=1, max_size=4)):
        at = draw(st.integers(0, max(len(raw) - 1, 0)))
        other, length = draw(st.integers(0, max(len(raw) - 1, 0))), draw(st.integers(1, 40))
        if way == "cut":
            del raw[at:]
        elif way == "flip" and raw:
            raw[at] ^= 1 << draw(st.integers(0, 7))
        elif way == "byte" and raw:
            raw[at] = draw(st.integers(0, 255))
        elif way == "number":
            raw[at : at + 4] = draw(st.sampled_from(EXTREMES)).to_bytes(4, "little")
        elif way == "splice":
            raw[at : at + length] = raw[other : other + length]
        elif way == "drop":
            del raw[at : at + length]
    return bytes(raw)


def usable_or_named(read: Callable[[bytes], object], raw: bytes) -> bool:
    """Whether `read` makes something of `raw`; what it raises else must be an `InputError` of one line."""
    try:
        read(raw)
    except InputError as error:
        message = str(error)
        assert ": expected " in message, message
        assert ", got " in message, message
        assert "\n" not in message, message
        return False
    return True


def most_bytes(read: Callable[[bytes], object], raw: bytes) -> int:
    """The most memory in bytes that `read` holds at a time while it reads `raw`, or fails to."""
    tracemalloc.start()
    try:
        usable_or_named(read, raw)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
