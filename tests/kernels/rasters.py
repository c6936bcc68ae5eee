"""Random bits as the kernels take them, beside the plain arrays that they stand for."""

from typing import NamedTuple

import numpy as np


class Raster(NamedTuple):
    """`spikes` and `near` as words `[N / 64, R]`, and as bool arrays `[R, N]`."""

    spikes: np.ndarray
    near: np.ndarray
    fired: np.ndarray
    inside: np.ndarray


def words(mask: np.ndarray) -> np.ndarray:
    """`[N / 64, R]` uint64 from `[R, N]` bool, N a multiple of 64."""
    return np.ascontiguousarray(np.packbits(mask, axis=1, bitorder="little").view(np.uint64).T)


def plain(bits: np.ndarray) -> np.ndarray:
    """`words` undone."""
    rows = np.ascontiguousarray(bits.T)
    return np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little").astype(bool)


def raster(neurons: int, rows: int, *, activity: float, seed: int = 0) -> Raster:
    """Rows whose window holds `activity` of the neurons, half of which spiked, padded to whole blocks."""
    level = np.ones((rows, -(-neurons // 64) * 64))
    level[:, :neurons] = np.random.default_rng(seed).random((rows, neurons))
    fired, inside = level < activity / 2, level < activity
    return Raster(words(fired), words(inside), fired, inside)


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
