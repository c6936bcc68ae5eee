"""Where a neuron's currents come from, and where the gradients by them go.

`Gathered` sums the weight rows of the inputs that spiked; `Stored` reads currents that a dense product made. Backward,
`Scattered` takes inner products with the weight rows of the inputs in their window, and keeps a block's gradients of
some samples in the cache until it sums them for each input that spiked; `Written` stores the gradients for dense
products.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from spikeloom.kernels.cpu.bits import fetch, not_unrolled, prefetch, take_next
from spikeloom.kernels.cpu.columns import columns_of_rows, sum_places
from spikeloom.kernels.cpu.compile import inlined
from spikeloom.kernels.cpu.rows import add_stretch, stretches
from spikeloom.kernels.cpu.simd import BLOCK, add, add_first, add_quad, dot4, full, load, select, store

AHEAD = 8
"""So many rows ahead are stored currents asked for: rows lie too far apart for the processor to foresee the next."""
_ZERO, _ONE = np.float32(0), np.float32(1)
LINE = 16
"""Floats in a line of the cache."""


class Gathered(NamedTuple):
    """Currents from ids.

    `weight` is flat [N / 64, I, 64] float32 or bfloat16 packed in pairs (see `simd.load`), `inputs` I, `bias` [N];
    `ids`, `row_start` and `spike_count` are the input's.
    """

    weight: Any
    inputs: Any
    bias: Any
    ids: Any
    row_start: Any
    spike_count: Any


class Stored(NamedTuple):
    """Currents that are there already but for the `bias` [N]: flat [B * T, N] float32, or uint16, bits of bfloat16.

    `place` [B * T] int64 says where row r = b * T + t lies.
    """

    current: Any
    neurons: Any
    place: Any
    bias: Any


class Nowhere(NamedTuple):
    """In place of `Written` where nothing is written."""

    nothing: Any = 0


class Sums(NamedTuple):
    """A sum `total` [M] of `parts` [P, M], each written by an owner of its own; one part alone is the total itself."""

    parts: Any
    total: Any


class Scattered(NamedTuple):
    """Gradients by weights and inputs.

    `weight` to `spike_count` as in `Gathered`, and the input's `columns` by chunks of samples. `tables` [threads,
    rows * 64] is room for a block's gradients in a chunk, `taken` [1] counts who took one. `d_weight` are sums over
    groups of samples, flat N / 64, I, 64; `d_input` sums over the parts of the blocks, of K numbers, or 0 where no
    gradient by the input is wanted.
    """

    weight: Any
    d_weight: Any
    inputs: Any
    ids: Any
    row_start: Any
    spike_count: Any
    columns: Any
    tables: Any
    taken: Any
    d_input: Any


class Written(NamedTuple):
    """Gradients by the currents, or a raster of zeros and ones, stored as they come; as in `Stored`."""

    numbers: Any
    neurons: Any
    place: Any


def approach(source, k):
    """Bring the weights of block `k` into the cache in their order, which is faster than row by row as spikes ask."""


def current(width, source, k, r):
    """The currents of block `k` in row `r`."""


def ahead(width, source, currents, at, k, r):
    """Put the currents of block `k` in row `r` into `currents[at]` and behind, if the source has to sum them."""


def ready(width, source, currents, at, k, r):
    """The currents of block `k` in row `r`, which `ahead` put there."""


def table(sink):
    """Memory of this worker's own for a block's gradients in a chunk, if the sink needs it."""


def lists(sink):
    """How many chunks of samples a sink has to have listed before the scan begins."""


def list_chunk(sink, chunk, bounds, steps):
    """List the spikes of a chunk by neuron."""


def clear(sink, part, first_row, end_row):
    """Make a sink ready for the first block of a part, in a chunk of rows."""


def absorb(width, sink, gradients, k, part, first_row, r, d):
    """Take in the gradients by the currents of block `k` in row `r`, of the chunk that begins with `first_row`."""


def settle(width, sink, gradients, k, group, chunk, first_row, fresh):
    """Sum what was taken in of block `k` in a chunk; `fresh` where it is the group's first chunk."""


def endings(sink):
    """How many tasks remain for a sink when all blocks are through."""


def end(sink, task):
    """Do one of them: add up a stretch of its sums."""


def paint(width, raster, k, r, spikes):
    """Write the spikes of block `k` in row `r`, a word of bits, as zeros and ones."""


def add_painted(width, d_raster, k, r, outer):
    """Add the gradients by these zeros and ones to `outer`."""


def _is(argument, kind: type) -> bool:
    return isinstance(argument, types.BaseNamedTuple) and argument.instance_class is kind


@inlined
def gather(width, total, weight, base, ids, begin, end):
    """The sum of weight rows, on top of `total`."""
    for i in range(begin, end):
        not_unrolled()
        total = add(total, load(width, weight, base + np.uint64(ids[i]) * np.uint64(BLOCK)))
    return total


@inlined
def prefetch_block(weight, size, k):
    """Ask for a block of so many words."""
    for i in range(k * size, (k + 1) * size, LINE):
        prefetch(weight, i)


@inlined
def add_products(weight, base, ids, begin, end, d, d_input):
    """Add the inner products with the weight rows of the inputs in their window to `d_input`."""
    one, two, three, four, block = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4), np.uint64(BLOCK)
    i = begin
    while i + four <= end:
        not_unrolled()
        a, b = base + np.uint64(ids[i]) * block, base + np.uint64(ids[i + one]) * block
        c, e = base + np.uint64(ids[i + two]) * block, base + np.uint64(ids[i + three]) * block
        add_quad(d_input, i, dot4(weight, a, b, c, e, d))
        i += four
    if i < end:
        last = end - one
        a, b = base + np.uint64(ids[i]) * block, base + np.uint64(ids[min(i + one, last)]) * block
        c = base + np.uint64(ids[min(i + two, last)]) * block
        add_first(d_input, i, dot4(weight, a, b, c, c, d), end - i)


@overload(approach)
def _approach(source, k):
    weight = source.types[source.fields.index("weight")] if "weight" in getattr(source, "fields", ()) else None
    words = BLOCK if weight is None or weight.dtype == types.float32 else BLOCK // 2
    if _is(source, Gathered):
        return lambda source, k: prefetch_block(source.weight, source.inputs * words, k)
    if _is(source, Scattered):

        def scattered(source, k):
            if source.d_input.parts.shape[1] > 0:
                prefetch_block(source.weight, source.inputs * words, k)

        return scattered
    return lambda source, k: None


@overload(current)
def _current(width, source, k, r):
    if _is(source, Gathered):

        def gathered(width, source, k, r):
            begin = source.row_start[r]
            return gather(
                width, load(width, source.bias, k * BLOCK), source.weight, np.uint64(k * source.inputs * BLOCK),
                source.ids, begin, begin + source.spike_count[r],
            )  # fmt: skip

        return gathered

    def stored(width, source, k, r):
        return add(load(width, source.bias, k * BLOCK), _stored_block(width, source.current, source, k, r, r + AHEAD))

    return stored


@inlined
def _stored_block(width, numbers, rows, k, r, soon):
    """Block `k` of row `r`, with row `soon` asked for."""
    at, last = k * BLOCK, rows.place.shape[0] - 1
    fetch(numbers, rows.place[min(max(soon, 0), last)] * rows.neurons + at)
    return load(width, numbers, rows.place[r] * rows.neurons + at)


@overload(paint)
def _paint(width, raster, k, r, spikes):
    if _is(raster, Written):
        return lambda width, raster, k, r, spikes: store(
            raster.numbers,
            raster.place[r] * raster.neurons + k * BLOCK,
            select(spikes, full(width, _ONE), full(width, _ZERO)),
        )
    return lambda width, raster, k, r, spikes: None


@overload(add_painted)
def _add_painted(width, d_raster, k, r, outer):
    if _is(d_raster, Written):
        return lambda width, d_raster, k, r, outer: add(
            outer, _stored_block(width, d_raster.numbers, d_raster, k, r, r - AHEAD)
        )
    return lambda width, d_raster, k, r, outer: outer


@overload(ahead)
def _ahead(width, source, currents, at, k, r):
    if _is(source, Gathered):
        return lambda width, source, currents, at, k, r: store(currents, at, current(width, source, k, r))
    return lambda width, source, currents, at, k, r: None


@overload(ready)
def _ready(width, source, currents, at, k, r):
    if _is(source, Gathered):
        return lambda width, source, currents, at, k, r: load(width, currents, at)
    return lambda width, source, currents, at, k, r: current(width, source, k, r)


@overload(table)
def _table(sink):
    if _is(sink, Scattered):
        return lambda sink: sink.tables[take_next(sink.taken)]
    return lambda sink: np.empty(0, np.float32)


@overload(lists)
def _lists(sink):
    if _is(sink, Scattered):
        return lambda sink: sink.columns.start.shape[0]
    return lambda sink: 0


@overload(list_chunk)
def _list_chunk(sink, chunk, bounds, steps):
    if _is(sink, Scattered):
        return lambda sink, chunk, bounds, steps: columns_of_rows(
            sink.ids, sink.row_start, sink.spike_count, bounds[chunk], bounds[chunk + 1], steps, steps,
            sink.columns.start[chunk], sink.columns.places, sink.row_start[bounds[chunk] * steps],
        )  # fmt: skip
    return lambda sink, chunk, bounds, steps: None


@overload(clear)
def _clear(sink, part, first_row, end_row):
    if _is(sink, Scattered):

        def scattered(sink, part, first_row, end_row):
            d_input = sink.d_input.parts
            if d_input.shape[1] > 0:
                d_input[part, sink.row_start[first_row] : sink.row_start[end_row]] = _ZERO

        return scattered
    return lambda sink, part, first_row, end_row: None


@overload(absorb)
def _absorb(width, sink, gradients, k, part, first_row, r, d):
    if _is(sink, Scattered):

        def scattered(width, sink, gradients, k, part, first_row, r, d):
            store(gradients, (r - first_row) * BLOCK, d)
            if sink.d_input.parts.shape[1] > 0:
                base = np.uint64(k * sink.inputs * BLOCK)
                add_products(
                    sink.weight, base, sink.ids, sink.row_start[r], sink.row_start[r + 1], d, sink.d_input.parts[part]
                )

        return scattered
    return lambda width, sink, gradients, k, part, first_row, r, d: store(
        sink.numbers, sink.place[r] * sink.neurons + k * BLOCK, d
    )


@overload(settle)
def _settle(width, sink, gradients, k, group, chunk, first_row, fresh):
    if _is(sink, Scattered):

        def scattered(width, sink, gradients, k, group, chunk, first_row, fresh):
            sum_places(
                width, sink.d_weight.parts[group], np.uint64(k * sink.inputs * BLOCK), sink.columns.start[chunk],
                sink.columns.places, sink.row_start[first_row], gradients, 0, sink.inputs, fresh,
            )  # fmt: skip

        return scattered
    return lambda width, sink, gradients, k, group, chunk, first_row, fresh: None


@overload(endings)
def _endings(sink):
    if _is(sink, Scattered):
        return lambda sink: stretches(sink.d_weight.parts) + stretches(sink.d_input.parts)
    return lambda sink: 0


@overload(end)
def _end(sink, task):
    if _is(sink, Scattered):

        def scattered(sink, task):
            first = stretches(sink.d_weight.parts)
            if task < first:
                add_stretch(sink.d_weight.parts, sink.d_weight.total, task)
            else:
                add_stretch(sink.d_input.parts, sink.d_input.total, task - first)

        return scattered
    return lambda sink, task: None
