"""From bits to rows and back, against plain numpy loops."""

import numpy as np
import pytest
import torch
from kernels.rasters import Raster, raster, words
from oracle import all_surrogates, assert_close

from spikeloom.kernels.cpu import rows, workers
from spikeloom.surrogates import Surrogate

STEPS, BATCH = 13, 11  # more rows than a chunk, and not a multiple of it
SIZES = pytest.mark.parametrize(
    ("neurons", "activity"), [(1, 0.5), (63, 0.2), (65, 0.2), (700, 0.03), (700, 0.0), (130, 1.0)]
)
THREADS = pytest.mark.parametrize("threads", [1, 2])


def kept_of(bits: Raster) -> np.ndarray:
    """`[R, N]`, some of the window, as a cap leaves it."""
    return bits.inside & (np.random.default_rng(9).random(bits.inside.shape) < 0.7)


def listed(bits: Raster, kept: np.ndarray) -> list[np.ndarray]:
    """The ids of each row: those that spiked, then those only near."""
    parts = ((np.flatnonzero(k & f), np.flatnonzero(k & ~f)) for k, f in zip(kept, bits.fired, strict=True))
    return [np.concatenate(pair) for pair in parts]


def counts_of(bits: Raster, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`row_start [R + 1]` and `spike_count [R]`."""
    row_start = np.append(0, np.cumsum(kept.sum(1))).astype(np.int64)
    return row_start, (kept & bits.fired).sum(1).astype(np.int32)


@SIZES
@THREADS
def test_count(neurons: int, activity: float, threads: int) -> None:
    bits = raster(neurons, STEPS * BATCH, activity=activity)
    kept = kept_of(bits)
    spike_count, window_count = np.full(len(kept), -1, np.int32), np.full(len(kept), -1, np.int64)
    workers.run(threads, rows.count, bits.spikes, words(kept), spike_count, window_count)
    row_start, want = counts_of(bits, kept)
    assert np.array_equal(spike_count, want)
    assert np.array_equal(window_count, np.diff(row_start))


@SIZES
@THREADS
def test_list_ids(neurons: int, activity: float, threads: int) -> None:
    bits = raster(neurons, STEPS * BATCH, activity=activity)
    kept = kept_of(bits)
    row_start, spike_count = counts_of(bits, kept)
    ids, active = np.full(row_start[-1], 2**32 - 1, np.uint32), np.full(row_start[-1], np.nan, np.float32)
    workers.run(threads, rows.list_ids, bits.spikes, words(kept), row_start, spike_count, ids, active)
    want = np.concatenate(listed(bits, kept))
    assert np.array_equal(ids, want)
    assert np.array_equal(active, bits.fired[np.repeat(np.arange(len(kept)), np.diff(row_start)), want])


@SIZES
@THREADS
def test_to_blocks(neurons: int, activity: float, threads: int) -> None:
    bits = raster(neurons, STEPS * BATCH, activity=activity)
    kept = kept_of(bits)
    row_start, spike_count = counts_of(bits, kept)
    by_row = np.random.default_rng(1).random(row_start[-1]).astype(np.float32)
    # By row, step and neuron; what was dropped stays zero.
    dense = np.zeros(kept.shape, np.float32)
    dense[np.repeat(np.arange(len(kept)), np.diff(row_start)), np.concatenate(listed(bits, kept))] = by_row

    def in_blocks(x: np.ndarray) -> np.ndarray:
        return x.reshape(BATCH, STEPS, -1, 64).transpose(2, 0, 1, 3)  # [N / 64, B, T, 64]

    inside = in_blocks(bits.inside)
    entry_end = np.cumsum(inside.sum((2, 3))).reshape(inside.shape[:2])
    by_block = np.full(entry_end[-1, -1], np.nan, np.float32)
    workers.run(
        threads, rows.to_blocks, bits.spikes, bits.near, words(kept), row_start, spike_count, entry_end, STEPS,
        by_row, by_block,
    )  # fmt: skip
    assert np.array_equal(by_block, in_blocks(dense)[inside])


@pytest.mark.parametrize("surrogate", all_surrogates(), ids=lambda s: type(s).__name__)
def test_pack(surrogate: Surrogate) -> None:
    generator = np.random.default_rng(0)
    group_start, room = np.array([0, 500, 1200]), 2000
    sizes = generator.integers(0, 500, (4, 3))
    sizes[1] = 0
    end = np.cumsum(sizes).reshape(sizes.shape)
    margins = np.full((4, room), np.nan, np.float32)
    want = []
    for k, of_groups in enumerate(sizes):
        for first, size in zip(group_start, of_groups, strict=True):
            margins[k, first : first + size] = generator.normal(size=size)
            want.append(margins[k, first : first + size])
    slopes = np.full(end[-1, -1], np.nan, np.float32)
    arguments = (surrogate, np.float32(surrogate.scale), margins, group_start, end - sizes, end, slopes)
    workers.run(2, rows.pack, *arguments)
    expected = surrogate.derivative(torch.from_numpy(np.concatenate(want)))
    assert_close(torch.from_numpy(slopes), expected, kind="float32", name="slopes")


@pytest.mark.parametrize("parts", [1, 2, 8])
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
