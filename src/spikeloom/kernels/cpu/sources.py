"""Where a neuron's currents come from, and where the gradients by them go.

`Gathered` sums the weight rows of the inputs that spiked; `Stored` reads currents that a dense product made. Backward,
`Scattered` adds to the weight gradient's rows of the inputs that spiked and takes inner products with the weight rows
of the inputs in their window; `Written` stores the gradients for dense products.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload

from spikeloom.kernels.cpu.compile import inlined
from spikeloom.kernels.cpu.simd import BLOCK, add, add_first, add_quad, dot4, full, load, store

_ZERO = np.float32(0)


class Gathered(NamedTuple):
    """Currents from ids: `weight` flat [N / 64, I, 64], `bias` [N], the input's `ids`, `row_start`, `spike_count`."""

    weight: Any
    inputs: Any
    bias: Any
    ids: Any
    row_start: Any
    spike_count: Any


class Stored(NamedTuple):
    """Currents that are there already: flat [B * T, N]."""

    current: Any
    neurons: Any


class Scattered(NamedTuple):
    """Gradients by weights and inputs.

    `d_weight` is [groups, flat N / 64, I, 64], one for each group of samples; `d_input` [parts, K], one row for each
    part of the blocks, or [parts, 0] where no gradient by the input is wanted. Both are added up by the caller.
    """

    weight: Any
    d_weight: Any
    inputs: Any
    ids: Any
    row_start: Any
    spike_count: Any
    d_input: Any


class Written(NamedTuple):
    """Gradients by the currents, stored as they come: flat [B * T, N]."""

    d_current: Any
    neurons: Any


def current(width, source, k, r):
    """The currents of block `k` in row `r`."""


def room(source, size):
    """Memory of so many floats for `ahead`, if the source needs it."""


def ahead(width, source, currents, blocks, first_row, rows):
    """Make the currents of some rows ready, block after block, so that a block's weights stay in the cache."""


def ready(width, source, currents, first_row, rows, k, r):
    """The currents of block `k` in row `r`, which `ahead` made ready with the same rows."""


def clear(width, sink, k, part, group, first_row, end_row, first):
    """Make a sink ready for block `k` and a group of rows; `first` where `k` is the first block of its part."""


def absorb(width, sink, k, part, group, r, d):
    """Take in the gradients by the currents of block `k` in row `r`."""


def _is(argument, kind: type) -> bool:
    return isinstance(argument, types.BaseNamedTuple) and argument.instance_class is kind


@inlined
def gather(width, total, weight, base, ids, begin, end):
    """The sum of weight rows, on top of `total`."""
    for i in range(begin, end):
        total = add(total, load(width, weight, base + np.uint64(ids[i]) * np.uint64(BLOCK)))
    return total


@inlined
def add_to_rows(width, d_weight, base, ids, begin, end, d):
    """Add a block to the gradient rows of the inputs that spiked."""
    for i in range(begin, end):
        at = base + np.uint64(ids[i]) * np.uint64(BLOCK)
        store(d_weight, at, add(load(width, d_weight, at), d))


@inlined
def add_products(weight, base, ids, begin, end, d, d_input):
    """Add the inner products with the weight rows of the inputs in their window to `d_input`."""
    one, two, three, four, block = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4), np.uint64(BLOCK)
    i = begin
    while i + four <= end:
        a, b = base + np.uint64(ids[i]) * block, base + np.uint64(ids[i + one]) * block
        c, e = base + np.uint64(ids[i + two]) * block, base + np.uint64(ids[i + three]) * block
        add_quad(d_input, i, dot4(weight, a, b, c, e, d))
        i += four
    if i < end:
        last = end - one
        a, b = base + np.uint64(ids[i]) * block, base + np.uint64(ids[min(i + one, last)]) * block
        c = base + np.uint64(ids[min(i + two, last)]) * block
        add_first(d_input, i, dot4(weight, a, b, c, c, d), end - i)


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
    return lambda width, source, k, r: load(width, source.current, r * source.neurons + k * BLOCK)


@overload(room)
def _room(source, size):
    if _is(source, Gathered):
        return lambda source, size: np.empty(size, np.float32)
    return lambda source, size: np.empty(0, np.float32)


@overload(ahead)
def _ahead(width, source, currents, blocks, first_row, rows):
    if _is(source, Gathered):

        def gathered(width, source, currents, blocks, first_row, rows):
            for k in range(blocks):
                for i in range(rows):
                    store(currents, (k * rows + i) * BLOCK, current(width, source, k, first_row + i))

        return gathered
    return lambda width, source, currents, blocks, first_row, rows: None


@overload(ready)
def _ready(width, source, currents, first_row, rows, k, r):
    if _is(source, Gathered):
        return lambda width, source, currents, first_row, rows, k, r: load(
            width, currents, (k * rows + r - first_row) * BLOCK
        )
    return lambda width, source, currents, first_row, rows, k, r: current(width, source, k, r)


@overload(clear)
def _clear(width, sink, k, part, group, first_row, end_row, first):
    if _is(sink, Scattered):

        def scattered(width, sink, k, part, group, first_row, end_row, first):
            zero, base = full(width, _ZERO), (group * sink.d_weight.shape[1]) + k * sink.inputs * BLOCK
            flat = sink.d_weight.ravel()
            for i in range(sink.inputs):
                store(flat, base + i * BLOCK, zero)
            if first and sink.d_input.shape[1] > 0:
                sink.d_input[part, sink.row_start[first_row] : sink.row_start[end_row]] = _ZERO

        return scattered
    return lambda width, sink, k, part, group, first_row, end_row, first: None


@overload(absorb)
def _absorb(width, sink, k, part, group, r, d):
    if _is(sink, Scattered):

        def scattered(width, sink, k, part, group, r, d):
            base = np.uint64(k * sink.inputs * BLOCK)
            begin = sink.row_start[r]
            add_to_rows(width, sink.d_weight[group], base, sink.ids, begin, begin + sink.spike_count[r], d)
            if sink.d_input.shape[1] > 0:
                add_products(sink.weight, base, sink.ids, begin, sink.row_start[r + 1], d, sink.d_input[part])

        return scattered
    return lambda width, sink, k, part, group, r, d: store(sink.d_current, r * sink.neurons + k * BLOCK, d)
