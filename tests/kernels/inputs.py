"""Rows of ids and dyadic weights as the kernels take them, beside the plain arrays that they stand for."""

from typing import NamedTuple

import numpy as np
from kernels.rasters import raster


class Input(NamedTuple):
    """Rows of ids, with the masks `[R, I]` of those that spiked and of those in their window."""

    ids: np.ndarray
    row_start: np.ndarray
    spike_count: np.ndarray
    fired: np.ndarray
    inside: np.ndarray


def rows_of(inputs: int, rows: int, activity: float) -> Input:
    """Random rows: of so many inputs, `activity` in their window and half of these spiked."""
    bits = raster(inputs, rows, activity=activity)
    fired, inside = bits.fired[:, :inputs], bits.inside[:, :inputs]
    ids = [np.append(np.flatnonzero(f), np.flatnonzero(n & ~f)) for f, n in zip(fired, inside, strict=True)]
    return Input(
        np.concatenate(ids).astype(np.uint32),
        np.append(0, np.cumsum(inside.sum(1))).astype(np.uint64),
        fired.sum(1).astype(np.uint32),
        fired,
        inside,
    )


def sixteenths(*shape: int, seed: int) -> np.ndarray:
    """Numbers whose sums every float type holds exactly."""
    return (np.random.default_rng(seed).integers(-16, 17, shape) / 16).astype(np.float32)


def plain(weight: np.ndarray) -> np.ndarray:
    """`[N, I]` in float64 from `[N / 64, I, 64]`."""
    return weight.transpose(0, 2, 1).reshape(-1, weight.shape[1]).astype(np.float64)
