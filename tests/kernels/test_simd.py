"""Blocks and quads, at each width, against plain numpy. Numbers are dyadic, so sums are exact in any order."""

import numba
import numpy as np
import pytest
from engine import widened

from spikeloom.kernels.cpu import simd
from spikeloom.kernels.cpu.compile import FLAGS
from spikeloom.kernels.cpu.simd import Width

# Not `kernel`: that keeps compiled code on disk, under the digest of the package's sources and not of this file.
compiled = numba.njit(**FLAGS)
HOLD = np.float32(7)


def sixteenths(*shape: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).integers(-16, 17, shape) / 16).astype(np.float32)


@compiled
def arithmetic(width, a, b, at, out):
    x, y = simd.load(width, a, at), simd.load(width, b, at)
    simd.store(out[0], at, simd.add(x, y))
    simd.store(out[1], at, simd.multiply(x, y))
    simd.store(out[2], at, simd.full(width, 0.1))
    simd.store(out[3], at, simd.subtract(x, y))
    simd.store(out[4], at, simd.divide(x, y))
    simd.store(out[5], at, simd.root(simd.multiply(x, x)))
    simd.store(out[6], at, simd.root(x))


@pytest.mark.parametrize("at", [0, 3, 64])
def test_arithmetic_wherever_a_block_lies(width: Width, at: int) -> None:
    a, b, out = sixteenths(130), sixteenths(130, seed=1), np.full((7, 130), HOLD)
    arithmetic(width, a, b, at, out)
    x, y = a[at : at + 64], b[at : at + 64]
    with np.errstate(divide="ignore", invalid="ignore"):
        want = np.stack([x + y, x * y, np.full(64, 0.1, np.float32), x - y, x / y, np.abs(x), np.sqrt(x)])
    assert np.array_equal(out[:, at : at + 64], want, equal_nan=True)
    assert (np.delete(out, slice(at, at + 64), axis=1) == HOLD).all()


@compiled
def compare(width, a, b, words, out):
    x, y = simd.load(width, a, 0), simd.load(width, b, 0)
    words[0] = simd.at_least(x, y)
    simd.store(out[0], 0, simd.select(words[0], x, y))
    simd.store(out[1], 0, simd.heaviside(x))


def test_comparisons_with_zeros_infinities_and_nan(width: Width) -> None:
    special = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-30], np.float32)
    a, b = np.repeat(special, 8), np.tile(special, 8)  # every pair
    words, out = np.zeros(1, np.uint64), np.empty((2, 64), np.float32)
    compare(width, a, b, words, out)
    want = a >= b
    assert np.array_equal(np.unpackbits(words.view(np.uint8), bitorder="little"), want)
    assert np.array_equal(out[0], np.where(want, a, b), equal_nan=True)
    assert np.array_equal(out[1], a >= 0)


def pairs(blocks: int) -> np.ndarray:
    """Packed blocks of finite numbers, neither huge nor tiny in either half."""
    generator = np.random.default_rng(3)
    sign, exponent, fraction = (generator.integers(0, n, (2, blocks * 32), np.uint32) for n in (2, 20, 128))
    low, high = sign << 15 | (exponent + 118) << 7 | fraction
    return low | high << 16


@compiled
def copy_packed(width, packed, at, out):
    simd.store(out, 0, simd.load(width, packed, at))


@pytest.mark.parametrize("at", [0, 64, 192])
def test_packed_blocks_are_widened(width: Width, at: int) -> None:
    """Whatever the bits, NaN and infinities included, and to the bit."""
    packed = np.random.default_rng(0).integers(0, 2**32, 4 * 32, np.uint32)
    out = np.full(64, HOLD)
    copy_packed(width, packed, at, out)
    assert np.array_equal(out.view(np.uint32), widened(packed).view(np.uint32)[at : at + 64])


@compiled
def products(width, rows, starts, block, out, at):
    factors = simd.load(width, block, 0)
    simd.add_quad(out, at, simd.dot4(rows, starts[0], starts[1], starts[2], starts[3], factors))


@compiled
def first_products(width, rows, block, out, at, count):
    simd.add_first(out, at, simd.dot4(rows, 0, 64, 128, 192, simd.load(width, block, 0)), count)


def test_four_inner_products(width: Width) -> None:
    rows, block = sixteenths(5, 64), sixteenths(64, seed=1)
    out = np.full(10, HOLD)
    products(width, rows.ravel(), np.array([192, 0, 256, 0]), block, out, 3)
    want = np.full(10, HOLD)
    want[3:7] += (rows @ block)[[3, 0, 4, 0]]
    assert np.array_equal(out, want)


@compiled
def sums(width, rows, out):
    a, b = simd.load(width, rows, 0), simd.load(width, rows, 64)
    c, d = simd.load(width, rows, 128), simd.load(width, rows, 192)
    simd.store_quad(out, 1, simd.across4(a, b, c, d))


def test_sums_of_four_blocks(width: Width) -> None:
    rows, out = sixteenths(4, 64), np.full(6, HOLD)
    sums(width, rows.ravel(), out)
    assert np.array_equal(out, [HOLD, *rows.sum(1), HOLD])


def test_four_inner_products_with_packed_rows(width: Width) -> None:
    packed, block, starts = pairs(5), sixteenths(64, seed=1), np.array([192, 0, 256, 0])
    rows = widened(packed)
    got, want = np.zeros(4, np.float32), np.zeros(4, np.float32)
    products(width, packed, starts, block, got, 0)
    products(width, rows, starts, block, want, 0)
    assert np.array_equal(got, want)
    plain = rows.reshape(5, 64)[[3, 0, 4, 0]].astype(np.float64)
    assert np.allclose(got, plain @ block, rtol=0, atol=64 * 2**-24 * np.abs(plain).sum(1).max())


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_first_of_four_leave_alone_what_is_behind(width: Width, count: int) -> None:
    rows, block = sixteenths(4, 64), sixteenths(64, seed=1)
    out = np.full(8, HOLD)
    first_products(width, rows.ravel(), block, out, 2, count)
    want = np.full(8, HOLD)
    want[2 : 2 + count] += (rows @ block)[:count]
    assert np.array_equal(out, want)


def test_host_width_is_one_of_those_tested() -> None:
    assert simd.host_width().lanes in (16, 8, 4)
