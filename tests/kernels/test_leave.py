"""What leaves a layer, in one launch: counts, ids, slopes and the cap, against plain numpy loops."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from kernels.rasters import Raster, counts_of, kept_of, listed, plain, raster, words
from oracle import all_surrogates, assert_close

from spikeloom.kernels.cpu import leave, workers
from spikeloom.reference.cap import cap as reference_cap
from spikeloom.reference.cap import capacity
from spikeloom.surrogates import SuperSpike, Surrogate

STEPS, BATCH = 13, 11
ROWS = STEPS * BATCH
SIZES = pytest.mark.parametrize(
    ("neurons", "activity"), [(1, 0.5), (63, 0.2), (65, 0.2), (700, 0.03), (700, 0.0), (130, 1.0)]
)
THREADS = pytest.mark.parametrize("threads", [1, 2, 3])
# Rows of a task: one task for all, tasks of all sizes, and the last one smaller than the others.
CHUNKS = pytest.mark.parametrize("chunk", [1, 64, ROWS, 1000])


class Packed(NamedTuple):
    """Margins of window entries by block and group, as a scan stores them."""

    margins: np.ndarray
    group_start: np.ndarray
    start: np.ndarray
    end: np.ndarray


class Left(NamedTuple):
    """What the kernel wrote."""

    kept: np.ndarray
    dropped: np.ndarray
    spike_count: np.ndarray
    row_start: np.ndarray
    ids: np.ndarray
    active: np.ndarray
    slopes: np.ndarray


NOTHING = Packed(np.empty((0, 0), np.float32), np.zeros(0, np.int64), *[np.zeros((0, 1), np.int64)] * 2)


def run(
    threads: int,
    bits: Raster,
    entries: np.ndarray,
    *,
    chunk: int = 64,
    limit: int = 0,
    seed: int = 0,
    packed: Packed = NOTHING,
    surrogate: Surrogate | None = None,
) -> Left:
    """Run the kernel on the window entries `[R, N]`, in memory that is filled with what cannot be right."""
    near, total, function = words(entries), int(entries.sum()), surrogate or SuperSpike()
    left = Left(
        np.full(near.shape, 2**64 - 1, np.uint64) if limit else near,
        np.full(ROWS if limit else 1, -1, np.int32),
        np.full(ROWS, -1, np.int32),
        np.append(0, np.full(ROWS, -1)).astype(np.int64),
        np.full(total, 2**32 - 1, np.uint32),
        np.full(total, np.nan, np.float32),
        np.full(packed.end[-1, -1] if len(packed.end) else 0, np.nan, np.float32),
    )
    workers.run(
        threads, leave.leave, bits.spikes, near, limit, np.uint64(seed), chunk, function, np.float32(function.scale),
        *packed, np.zeros(1, np.int64), np.full(-(-ROWS // chunk), -1, np.int64), *left,
    )  # fmt: skip
    return left


def assert_lists(left: Left, bits: Raster, kept: np.ndarray) -> None:
    """The counts and ids are those of the entries `kept` `[R, N]`, and nothing else is written."""
    row_start, spike_count = counts_of(bits, kept)
    assert np.array_equal(left.spike_count, spike_count)
    assert np.array_equal(left.row_start, row_start)
    want, size = np.concatenate(listed(bits, kept)), row_start[-1]
    assert np.array_equal(left.ids[:size], want)
    assert np.array_equal(left.active[:size], bits.fired[np.repeat(np.arange(ROWS), np.diff(row_start)), want])
    assert (left.ids[size:] == 2**32 - 1).all()
    assert np.isnan(left.active[size:]).all()


@SIZES
@CHUNKS
@THREADS
def test_counts_and_ids(neurons: int, activity: float, chunk: int, threads: int) -> None:
    bits = raster(neurons, ROWS, activity=activity)
    kept = kept_of(bits)
    left = run(threads, bits, kept, chunk=chunk)
    assert_lists(left, bits, kept)
    assert left.dropped.tolist() == [-1], "nothing is dropped where there is no limit"


@SIZES
@CHUNKS
@THREADS
def test_capped_ids(neurons: int, activity: float, chunk: int, threads: int) -> None:
    """What is listed is what the reference's cap keeps."""
    bits, seed = raster(neurons, ROWS, activity=activity), 2**64 - 3
    left = run(threads, bits, bits.inside, chunk=chunk, limit=capacity(0.1, neurons), seed=seed)

    def in_steps(mask: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(mask[:, :neurons].reshape(BATCH, STEPS, neurons).transpose(1, 0, 2).copy())

    want, lost = reference_cap(in_steps(bits.fired).float(), in_steps(bits.inside), max_activity=0.1, seed=seed)
    kept = plain(left.kept)
    assert torch.equal(in_steps(kept), want)
    assert not kept[:, neurons:].any(), "no neuron that is not there"
    assert np.array_equal(left.dropped, (bits.inside & ~kept).sum(1))
    assert int(left.dropped.sum()) == lost
    assert_lists(left, bits, kept)


def margins() -> tuple[Packed, np.ndarray]:
    """Margins of four blocks in three groups, one block of them empty; and all in the order of the slopes."""
    generator = np.random.default_rng(0)
    group_start, room = np.array([0, 500, 1200]), 2000
    sizes = generator.integers(0, 500, (4, 3))
    sizes[1] = 0
    end = np.cumsum(sizes).reshape(sizes.shape)
    stored = np.full((4, room), np.nan, np.float32)
    in_order = []
    for k, of_groups in enumerate(sizes):
        for first, size in zip(group_start, of_groups, strict=True):
            stored[k, first : first + size] = generator.normal(size=size)
            in_order.append(stored[k, first : first + size])
    return Packed(stored, group_start, end - sizes, end), np.concatenate(in_order)


@pytest.mark.parametrize("surrogate", all_surrogates(), ids=lambda s: type(s).__name__)
@THREADS
def test_slopes(surrogate: Surrogate, threads: int) -> None:
    packed, in_order = margins()
    bits = raster(200, ROWS, activity=0.1)  # listed in the same launch
    left = run(threads, bits, bits.inside, packed=packed, surrogate=surrogate)
    expected = surrogate.derivative(torch.from_numpy(in_order))
    assert_close(torch.from_numpy(left.slopes), expected, kind="float32", name="slopes")
    assert_lists(left, bits, bits.inside)
