"""Blocks and quads, at each width, against plain numpy. Numbers are dyadic, so sums are exact in any order."""

import numba
import numpy as np
import pytest

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


@pytest.mark.parametrize("at", [0, 3, 64])
def test_arithmetic_wherever_a_block_lies(width: Width, at: int) -> None:
    a, b, out = sixteenths(130), sixteenths(130, seed=1), np.full((3, 130), HOLD)
    arithmetic(width, a, b, at, out)
    x, y = a[at : at + 64], b[at : at + 64]
    want = np.stack([x + y, x * y, np.full(64, 0.1, np.float32)])
    assert np.array_equal(out[:, at : at + 64], want)
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
