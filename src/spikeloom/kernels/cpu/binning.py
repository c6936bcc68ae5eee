"""From the events of recordings to the ids of time steps.

A recording goes through passes over arrays that fit the caches: where each event goes, if it stays; its step; then a
bit is set for its neuron and step; and the bits are listed, which sorts the ids and keeps each once. Random numbers are
a function of a sample's key and an event's place alone: splitmix64 (Steele, Lea and Flood, "Fast splittable
pseudorandom number generators", OOPSLA 2014), whose n-th number needs none of those before it.
"""

from typing import Any, NamedTuple

import numpy as np

from spikeloom.kernels.cpu.bits import popcount, trailing_zeros
from spikeloom.kernels.cpu.compile import inlined, kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_ONE, _SIX, _WORD = np.uint64(1), np.uint64(6), np.uint64(63)
_LOW = np.uint64(0xFFFFFFFF)
GROUP = 8
"""Words that are passed over together where none of their neurons spikes, as on large sensors."""
UNIT_BITS = 16
"""Of the fractions in a matrix: they are integers over 65536, so that every processor rounds alike."""
UNIT = 1 << UNIT_BITS
UNROLL = 3
"""Ids that a word writes at once, needed or not: a loop of as many as there are is mispredicted at every other word."""
STRIDE = 16
"""Events passed over at once on the way to the end of a step."""
MAP_BYTES = 1 << 20
"""Of the bits of a sample's steps; where they take more, so many steps are done at a time."""
NORMAL_STD = (16 + 1 / 12) ** 0.5
"""Of how many of 64 fair bits are set, plus a uniform number from -1/2 to 1/2."""


class Recordings(NamedTuple):
    """Recordings one after the other: `t_us` [K], ascending in each; `ids` [K]; `start` [S + 1] int64."""

    t_us: Any
    ids: Any
    start: Any


class Frame(NamedTuple):
    """Which part of the sensor is kept: its size, and the centred part's."""

    width: int
    height: int
    polarities: int
    kept_width: int
    kept_height: int


class Alterations(NamedTuple):
    """What happens to each of B recordings.

    `dx`, `dy` int64: shift; `flip` bool: left to right; `matrix` [B, 2, 2] int64, over `UNIT`: takes a pixel's place
    from the middle to another, before the shift; `step_us` float64: length of a step in the recording's own
    time; `stay` uint64: an event stays where 32 random bits are below this; `jitter_us` float64: standard deviation
    of the events' times; `key` uint64: decides all that is random.
    """

    dx: Any
    dy: Any
    flip: Any
    matrix: Any
    step_us: Any
    stay: Any
    jitter_us: Any
    key: Any


@kernel
def encode(recordings, chosen, alterations, frame, steps, ids, row_start, spike_count):
    """List the neurons of each step, ascending and once each; what leaves the frame or the steps is dropped.

    Args:
        recordings: `Recordings`.
        chosen: [B] int64, which of them.
        alterations: `Alterations` of these B.
        frame: `Frame`.
        steps: T.
        ids: [all their events and UNROLL more] int32, of which those up to the last entry of `row_start` count.
        row_start: [B * T + 1] int64, written.
        spike_count: [B * T] int32, written.
    """
    t_us, sources, start = recordings
    size = frame.width * frame.height * frame.polarities
    # One bit more takes what is dropped, so that no event needs a branch.
    off = frame.kept_width * frame.kept_height * frame.polarities
    words = -(-(off + 1) // (64 * GROUP)) * GROUP
    rows = max(1, min(steps, MAP_BYTES // (8 * words)))
    # So does one row.
    bits = np.zeros((rows + 1) * words, np.uint64)
    table = np.empty(size + 1, np.int32)
    longest = np.int64(0)
    for sample in chosen:
        longest = max(longest, start[sample + 1] - start[sample])
    places, step_of = np.empty(longest, np.int32), np.empty(longest, np.int32)
    at = np.uint64(0)
    row_start[0] = 0
    for b in range(len(chosen)):
        first, end = start[chosen[b]], start[chosen[b] + 1]
        step_us, jitter_us, key = alterations.step_us[b], alterations.jitter_us[b], alterations.key[b]
        way = _way(alterations, b)
        if b == 0 or way != _way(alterations, b - 1):
            _fill_table(table, frame, way, off)
        _place(sources[first:end], table, size, key, alterations.stay[b], off, places)
        if jitter_us > 0:
            _steps_of(t_us[first:end], step_us, jitter_us, key, steps, step_of)
        i = 0
        for t in range(0, steps, rows):
            count = min(rows, steps - t)
            if jitter_us > 0:
                _set(places[: end - first], step_of, t, count, words, bits)
            else:
                i = _set_ascending(t_us[first:end], places, i, step_us, t, count, words, bits)
            r = b * steps + t
            at = _list(bits, off, count, words, ids, at, row_start[r:], spike_count[r:])


@inlined
def _way(alterations, b):
    """What decides where the pixels of recording `b` go."""
    m = alterations.matrix
    return alterations.dx[b], alterations.dy[b], alterations.flip[b], m[b, 0, 0], m[b, 0, 1], m[b, 1, 0], m[b, 1, 1]


@inlined
def _fill_table(table, frame, way, off):
    """For each id of the sensor the id it becomes, or `off`; the last entry is for ids that no sensor has."""
    dx, dy, flip, xx, xy, yx, yy = way
    left = (frame.width - frame.kept_width) // 2 - dx
    top = (frame.height - frame.kept_height) // 2 - dy
    at = 0
    for p in range(frame.polarities):
        first = p * frame.kept_height * frame.kept_width
        for y in range(frame.height):
            # Places from the middle count in halves of a pixel: so they are whole where a side has an even length. Half
            # the side leads back to its edge, and rounding down finds the pixel.
            down = 2 * y - (frame.height - 1)
            for x in range(frame.width):
                right = (frame.width - 1 - 2 * x) if flip else 2 * x - (frame.width - 1)
                to_x = (xx * right + xy * down + frame.width * UNIT >> UNIT_BITS + 1) - left
                to_y = (yx * right + yy * down + frame.height * UNIT >> UNIT_BITS + 1) - top
                inside = 0 <= to_x < frame.kept_width and 0 <= to_y < frame.kept_height
                table[at] = first + to_y * frame.kept_width + to_x if inside else off
                at += 1
    table[at] = off


@inlined
def _place(sources, table, size, key, stay, off, places):
    """Where each event goes. Two loops, for LLVM vectorises each and not one that does both."""
    for i in range(len(sources)):
        # A damaged file may hold any number.
        places[i] = table[min(np.uint32(sources[i]), np.uint32(size))]
    if stay <= _LOW:
        for i in range(len(sources)):
            stays = _random(key, i) >> np.uint64(32) < stay
            # No place is above `off`.
            places[i] = max(places[i], np.int32(0) if stays else np.int32(off))


@inlined
def _random(key, i):
    """Number `i` of splitmix64 from the state `key`."""
    z = key + np.uint64(i + 1) * _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))


@inlined
def _set_ascending(t_us, places, i, step_us, first, count, words, bits):
    """Set the bits of steps, from event `i` on; an event's step is floor(t_us / step_us). Returns where they end."""
    for t in range(first, first + count):
        # The first whole microsecond that the division puts into a later step.
        edge = np.int64(np.ceil((t + 1) * step_us))
        while (edge - 1) / step_us >= t + 1:
            edge -= 1
        while edge / step_us < t + 1:
            edge += 1
        end = i
        while end + STRIDE <= len(t_us) and t_us[end + STRIDE - 1] < edge:
            end += STRIDE
        while end < len(t_us) and t_us[end] < edge:
            end += 1
        row = np.uint64((t - first) * words)
        while i < end:
            place = np.uint64(places[i])
            bits[row + (place >> _SIX)] |= _ONE << (place & _WORD)
            i += 1
    return i


@inlined
def _steps_of(t_us, step_us, jitter_us, key, steps, step_of):
    """The step of each event after its time moved by a normal number; `steps` where it has none.

    The normal number is a count of 64 random bits, and a uniform one on top to fill the gaps between whole numbers.
    Whole microseconds keep every processor's results the same. A product takes half as long as a division.
    """
    scale, rate = jitter_us / NORMAL_STD, 1 / step_us
    for i in range(len(t_us)):
        random = _random(~key, i)
        normal = (np.float64(popcount(random)) - 32.5) + np.float64(random & _LOW) * 2.0**-32
        moved = np.float64(np.int64(t_us[i]) + np.int64(np.floor(normal * scale))) * rate
        step_of[i] = np.int32(moved) if 0 <= moved < steps else steps


@inlined
def _set(places, step_of, first, count, words, bits):
    """Set the bits of steps, of events in any order."""
    for i in range(len(places)):
        # What is no step of these, below or above, is above as a number without a sign.
        row = min(np.uint32(step_of[i] - first), np.uint32(count))
        place = np.uint64(places[i])
        bits[np.uint64(row) * np.uint64(words) + (place >> _SIX)] |= _ONE << (place & _WORD)


@inlined
def _list(bits, off, count, words, ids, at, row_start, spike_count):
    """List and clear the bits of steps, from `ids[at]` on; returns where they end."""
    for t in range(count):
        before = at
        row = t * words
        bits[row + off // 64] &= ~(_ONE << np.uint64(off % 64))
        for group in range(0, words, GROUP):
            if _any(bits, row + group):
                for w in range(group, group + GROUP):
                    word, base, to = bits[row + w], np.uint64(w * 64), at
                    bits[row + w] = np.uint64(0)
                    at += popcount(word)
                    while True:
                        for _ in range(UNROLL):
                            ids[to] = np.int32(base + trailing_zeros(word))
                            word &= word - _ONE
                            to += _ONE
                        if to >= at:
                            break
        spike_count[t] = np.int32(at - before)
        row_start[t + 1] = np.int64(at)
    return at


@inlined
def _any(bits, group):
    found = bits[group]
    for w in range(group + 1, group + GROUP):
        found |= bits[w]
    return found != np.uint64(0)
