"""From the order of rows to that of blocks, and sums of parts, against plain numpy loops."""

import numba
import numpy as np
import pytest
from kernels.rasters import counts_of, kept_of, listed, raster, words

from spikeloom.kernels.cpu import bits, rows, workers
from spikeloom.kernels.cpu.compile import FLAGS
from spikeloom.kernels.cpu.simd import Width

STEPS, BATCH = 13, 11
SIZES = pytest.mark.parametrize(
    ("neurons", "activity"), [(1, 0.5), (63, 0.2), (65, 0.2), (700, 0.03), (700, 0.0), (130, 1.0)]
)
THREADS = pytest.mark.parametrize("threads", [1, 2])
# Not `kernel`: that keeps compiled code on disk, under the digest of the package's sources and not of this file.
compiled = numba.njit(**FLAGS)


@compiled
def to_blocks(counter, width, spikes, near, kept, row_start, spike_count, entry_end, steps, by_row, by_block):
    at = np.empty(spikes.shape[0], np.uint64)
    b = bits.take_next(counter)
    while b < entry_end.shape[1]:
        rows.to_blocks(width, spikes, near, kept, row_start, spike_count, entry_end, steps, b, at, by_row, by_block)
        b = bits.take_next(counter)


@SIZES
@THREADS
def test_to_blocks(width: Width, neurons: int, activity: float, threads: int) -> None:
    given = raster(neurons, STEPS * BATCH, activity=activity)
    kept = kept_of(given)
    row_start, spike_count = counts_of(given, kept)
    by_row = np.random.default_rng(1).random(row_start[-1]).astype(np.float32)
    # By row, step and neuron; what was dropped stays zero.
    dense = np.zeros(kept.shape, np.float32)
    dense[np.repeat(np.arange(len(kept)), np.diff(row_start)), np.concatenate(listed(given, kept))] = by_row

    def in_blocks(x: np.ndarray) -> np.ndarray:
        return x.reshape(BATCH, STEPS, -1, 64).transpose(2, 0, 1, 3)  # [N / 64, B, T, 64]

    inside = in_blocks(given.inside)
    entry_end = np.cumsum(inside.sum((2, 3))).reshape(inside.shape[:2])
    by_block = np.full(entry_end[-1, -1], np.nan, np.float32)
    workers.run(
        threads, to_blocks, width, given.spikes, given.near, words(kept), row_start, spike_count, entry_end, STEPS,
        by_row, by_block,
    )  # fmt: skip
    assert np.array_equal(by_block, in_blocks(dense)[inside])


@pytest.mark.parametrize("parts", [2, 3, 8])
@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 9000])
@THREADS
def test_add_up_in_the_order_of_the_parts(parts: int, size: int, threads: int) -> None:
    numbers = np.random.default_rng(0).normal(size=(parts, size)).astype(np.float32)
    total = np.full(size, np.nan, np.float32)
    workers.run(threads, rows.add_up, numbers, total)
    want = numbers[0].copy()
    for part in numbers[1:]:
        want += part
    assert np.array_equal(total, want)


@compiled
def stretches(parts):
    return rows.stretches(parts)


@compiled
def add_stretch(parts, total, stretch):
    rows.add_stretch(parts, total, stretch)


@pytest.mark.parametrize(("size", "expected"), [(0, 0), (1, 1), (4096, 1), (4097, 2), (9000, 3)])
def test_one_part_alone_needs_no_sum(size: int, expected: int) -> None:
    assert stretches(np.zeros((2, size), np.float32)) == expected
    assert stretches(np.zeros((1, size), np.float32)) == 0


@pytest.mark.parametrize("stretch", [0, 1, 2])
def test_a_stretch_leaves_the_others_alone(stretch: int) -> None:
    numbers = np.random.default_rng(0).normal(size=(3, 9000)).astype(np.float32)
    total = np.full(9000, 7, np.float32)
    add_stretch(numbers, total, stretch)
    part = slice(4096 * stretch, 4096 * (stretch + 1))
    assert np.array_equal(total[part], numbers[0, part] + numbers[1, part] + numbers[2, part])
    assert (np.delete(total, part) == 7).all()
