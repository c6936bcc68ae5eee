"""Weights in 16 bits: at most half a unit in bfloat16's last place away, and the same on any number of threads."""

import numpy as np
import pytest
from engine import widened

from spikeloom.kernels.cpu import pack, workers

HALF_UNIT = 2.0**-8
"""Half a unit in the last place of bfloat16's 8 significant bits, relative to the number."""
LEAST = 2.0**-133
"""A unit where numbers are too small for that many bits: what lies between zero and half of it keeps its sign."""
SMALLEST = 2.0**-126
"""Kernels take less than this for zero."""
LARGEST = 3.3895e38
"""Bfloat16's largest number, rounded down."""


def rounded(numbers: np.ndarray, threads: int = 1) -> np.ndarray:
    """Numbers `[64 n]` through `pack` and back."""
    packed = np.full(numbers.size // 2, 2**32 - 1, np.uint32)
    workers.run(threads, pack.pack, numbers.view(np.uint32), packed)
    return widened(packed)


def assert_near(numbers: np.ndarray) -> None:
    got, want = rounded(numbers).astype(np.float64), numbers.astype(np.float64)
    assert (np.abs(got - want) <= np.maximum(HALF_UNIT * np.abs(want), LEAST)).all()
    assert not (np.sign(got) * np.sign(want) < 0).any()


@pytest.mark.parametrize("size", [1e-44, 1e-38, 1e-30, 1e-3, 1.0, 3e4, 1e30, 3.38e38])
def test_half_a_unit(size: float) -> None:
    """Signs and sizes are mixed, so that the low half of each word is another than its high one."""
    generator = np.random.default_rng(0)
    assert_near((generator.normal(size=64 * 64).clip(-1, 1) * size).astype(np.float32))
    mixed = generator.normal(size=64 * 64).clip(-1, 1) * 10.0 ** generator.uniform(-44, 0, 64 * 64) * size
    assert_near(mixed.astype(np.float32))


def test_every_exponent_beside_every_other() -> None:
    sizes = (np.exp2(np.arange(-149.0, 128)) * 1.503).clip(None, LARGEST)
    sizes = np.concatenate([sizes, -sizes, [0.0, -0.0]]).astype(np.float32)
    low, high = (x.ravel() for x in np.meshgrid(sizes, sizes))
    missing = -len(low) % 32
    halves = [np.pad(x, (0, missing)).reshape(-1, 16) for x in (low, high)]
    assert_near(np.stack(halves, 1).reshape(-1))


def test_numbers_of_bfloat16_come_through_in_the_low_half() -> None:
    """A number that needs no rounding keeps its value; the high one beside it is off by what the low one's bits say."""
    numbers = (np.random.default_rng(0).integers(-128, 129, 640) / 16).astype(np.float32)
    got = rounded(numbers).reshape(-1, 2, 16)
    assert np.array_equal(got[:, 0], numbers.reshape(-1, 2, 16)[:, 0])
    assert_near(numbers)


def test_zeros_are_zeros_to_kernels() -> None:
    """A zero in the low half stays one; in the high half it becomes a denormal number, which kernels take for zero."""
    numbers = np.random.default_rng(0).normal(size=(10, 2, 2, 16)).astype(np.float32)
    numbers[:, 0], numbers[:, 1, 1] = 0.0, 0.0
    got = rounded(numbers.reshape(-1)).reshape(numbers.shape)
    assert (got[:, 0] == 0).all()
    assert (np.abs(got[:, 1, 1]) < SMALLEST).all()


def test_ties_in_the_low_half_go_to_even() -> None:
    ties = np.array([0x3F808000, 0x3F818000, 0xBF808000, 0xBF818000], np.uint32)  # halfway between two bfloat16
    numbers = np.zeros(64, np.uint32)
    numbers[:4] = ties
    got = rounded(numbers.view(np.float32)).view(np.uint32)
    assert got[:4].tolist() == [0x3F800000, 0x3F820000, 0xBF800000, 0xBF820000]


@pytest.mark.parametrize("place", [0, 16, 15, 63], ids=["low", "high", "last_low", "last_high"])
@pytest.mark.parametrize("number", [np.nan, -np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_so(number: float, place: int) -> None:
    """It stands alone: a number beside it is off by no more than without it."""
    numbers = np.random.default_rng(0).normal(size=64).astype(np.float32)
    numbers[place] = number
    got = rounded(numbers)
    assert not np.isfinite(got[place])
    assert np.isnan(got[place]) or not np.isnan(number)
    others = np.delete(np.arange(64), place)
    assert (np.abs(got[others] - numbers[others]) <= HALF_UNIT * np.abs(numbers[others])).all()


@pytest.mark.parametrize("blocks", [1, 511, 512, 513, 1500])
def test_on_any_number_of_threads(blocks: int) -> None:
    numbers = np.random.default_rng(0).normal(size=64 * blocks).astype(np.float32)
    one = rounded(numbers)
    for threads in (2, 3):
        assert np.array_equal(rounded(numbers, threads), one)
