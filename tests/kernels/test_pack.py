"""Weights in bfloat16: rounded as torch rounds them, and the same on any number of threads."""

import numpy as np
import pytest
import torch
from engine import widened

from spikeloom.kernels.cpu import pack, workers


def rounded(numbers: np.ndarray, threads: int = 1) -> np.ndarray:
    """Numbers `[64 n]` through `pack` and back."""
    packed = np.full(numbers.size // 2, 2**32 - 1, np.uint32)
    workers.run(threads, pack.pack, numbers.view(np.uint32), packed)
    return widened(packed)


def by_torch(numbers: np.ndarray) -> np.ndarray:
    return torch.from_numpy(numbers).bfloat16().float().numpy()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [1e-44, 1e-38, 1e-30, 1e-3, 1.0, 3e4, 1e30, 3.4e38])
def test_numbers_of_any_size(size: float, threads: int) -> None:
    generator = np.random.default_rng(0)
    numbers = (generator.normal(size=64 * 1100).clip(-1, 1) * size).astype(np.float32)  # more than two tasks
    assert np.array_equal(rounded(numbers, threads).view(np.uint32), by_torch(numbers).view(np.uint32))


def test_every_exponent_and_every_tie() -> None:
    upper = np.arange(0x7F80, dtype=np.uint32) << np.uint32(16)
    halves = [upper | np.uint32(low) for low in (0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF)]
    numbers = np.concatenate([*halves, *(half | np.uint32(1 << 31) for half in halves)]).view(np.float32)
    assert len(numbers) % 64 == 0
    assert np.array_equal(rounded(numbers).view(np.uint32), by_torch(numbers).view(np.uint32))


@pytest.mark.parametrize("place", [0, 16, 15, 63], ids=["low", "high", "last_low", "last_high"])
@pytest.mark.parametrize("number", [np.nan, -np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_so(number: float, place: int) -> None:
    numbers = np.random.default_rng(0).normal(size=64).astype(np.float32)
    numbers[place] = number
    assert np.array_equal(rounded(numbers), by_torch(numbers), equal_nan=True)


@pytest.mark.parametrize("low", [0x7F800001, 0x7FFFFFFF, 0x7FC00000, 0xFF80FFFF])
def test_every_nan_stays_one(low: int) -> None:
    numbers = np.full(64, low, np.uint32).view(np.float32)
    assert np.isnan(rounded(numbers)).all()
