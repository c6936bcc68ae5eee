"""Gradients by weights and inputs that a sink sums chunk by chunk: on dyadic numbers, bit-equal to plain products."""

import numba
import numpy as np
import pytest
from kernels.inputs import plain, rows_of, sixteenths

from spikeloom.kernels.cpu import simd, sources
from spikeloom.kernels.cpu.columns import Columns
from spikeloom.kernels.cpu.compile import FLAGS
from spikeloom.kernels.cpu.simd import Width
from spikeloom.kernels.cpu.sources import Gathered, Scattered, Stored, Sums, Written

STEPS, BATCH = 5, 6
ROWS = STEPS * BATCH
SIZES = pytest.mark.parametrize(
    ("inputs", "blocks", "activity"), [(1, 1, 1.0), (65, 3, 0.3), (200, 2, 0.0), (33, 1, 1.0)]
)
# Not `kernel`: that keeps compiled code on disk, under the digest of the package's sources and not of this file.
compiled = numba.njit(**FLAGS)


@compiled
def scatter(width, sink, d_current, blocks, parts, groups, bounds, steps):
    """What `scan.backward` does with a sink, given the gradients by the currents, flat [N / 64, R, 64]."""
    for chunk in range(sources.lists(sink)):
        sources.list_chunk(sink, chunk, bounds, steps)
    gradients, chunks, rows = sources.table(sink), (len(bounds) - 1) // groups, bounds[-1] * steps
    for task in range(parts * groups):
        part, group = task // groups, task % groups
        sources.clear(sink, part, bounds[group * chunks] * steps, bounds[(group + 1) * chunks] * steps)
        for k in range(part, blocks, parts):
            sources.approach(sink, k)
            for chunk in range(group * chunks, (group + 1) * chunks):
                first = bounds[chunk] * steps
                for r in range(first, bounds[chunk + 1] * steps):
                    d = simd.load(width, d_current, (k * rows + r) * 64)
                    sources.absorb(width, sink, gradients, k, part, first, r, d)
                sources.settle(width, sink, gradients, k, group, chunk, first, chunk == group * chunks)
    for task in range(sources.endings(sink)):
        sources.end(sink, task)


def sums(parts: int, size: int) -> Sums:
    """Room filled with NaN; one part is the total itself."""
    total = np.full(size, np.nan, np.float32)
    return Sums(total[None] if parts == 1 else np.full((parts, size), np.nan, np.float32), total)


@SIZES
@pytest.mark.parametrize("want_input", [True, False], ids=["input", "no_input"])
@pytest.mark.parametrize(
    ("groups", "bounds"),
    [(1, [0, 6]), (1, [0, 1, 2, 6]), (2, [0, 3, 6]), (3, [0, 1, 2, 3, 4, 5, 6]), (2, [0, 0, 3, 3, 6])],
)
def test_scattered(
    width: Width, inputs: int, blocks: int, activity: float, want_input: bool, groups: int, bounds: list[int]
) -> None:
    x = rows_of(inputs, ROWS, activity)
    weight, d = sixteenths(blocks, inputs, 64, seed=1), sixteenths(blocks, ROWS, 64, seed=2)
    parts = min(blocks, 2) if want_input else blocks
    sink = Scattered(
        weight=weight.ravel(),
        d_weight=sums(groups, weight.size),
        inputs=inputs,
        ids=x.ids,
        row_start=x.row_start,
        spike_count=x.spike_count,
        columns=Columns(
            np.full((len(bounds) - 1, inputs + 1), 2**32 - 1, np.uint32), np.full(len(x.ids), 2**32 - 1, np.uint32)
        ),
        tables=np.full((1, ROWS * 64), np.nan, np.float32),
        taken=np.zeros(1, np.int64),
        d_input=sums(parts, len(x.ids) if want_input else 0),
    )
    scatter(width, sink, d.ravel(), blocks, parts, groups, np.array(bounds), STEPS)
    d_rows = plain(d)  # [N, R]
    assert np.array_equal(plain(sink.d_weight.total.reshape(weight.shape)), d_rows @ x.fired)
    if want_input:
        row = np.repeat(np.arange(ROWS), x.inside.sum(1))
        assert np.array_equal(sink.d_input.total, (d_rows.T @ plain(weight))[row, x.ids])


def test_written(width: Width) -> None:
    d, out = sixteenths(3, ROWS, 64, seed=0), np.full((ROWS, 192), np.nan, np.float32)
    place = np.random.default_rng(0).permutation(ROWS)  # rows may lie in any order
    scatter(width, Written(out.ravel(), 192, place), d.ravel(), 3, 3, 2, np.array([0, 3, 6]), STEPS)
    assert np.array_equal(out[place], d.transpose(1, 0, 2).reshape(ROWS, 192))


@compiled
def look_ahead(width, source, blocks, rows, out):
    currents = np.full(64, np.nan, np.float32)
    for k in range(blocks):
        for r in range(rows):
            sources.ahead(width, source, currents, 0, k, r)
            simd.store(out, (r * blocks + k) * 64, sources.ready(width, source, currents, 0, k, r))


@SIZES
def test_currents_ahead(width: Width, inputs: int, blocks: int, activity: float) -> None:
    x, place = rows_of(inputs, ROWS, activity), np.random.default_rng(0).permutation(ROWS)
    weight, bias = sixteenths(blocks, inputs, 64, seed=1), sixteenths(blocks * 64, seed=2)
    heard = x.fired @ plain(weight).T
    stored = np.empty(heard.shape, np.float32)
    stored[place] = heard
    both = (
        Gathered(weight.ravel(), inputs, bias, x.ids, x.row_start, x.spike_count),
        Stored(stored.ravel(), blocks * 64, place, bias),
    )
    for source in both:
        out = np.full((ROWS, blocks * 64), np.nan, np.float32)
        look_ahead(width, source, blocks, ROWS, out.ravel())
        assert np.array_equal(out, heard + bias)
