"""Words, packed numbers, parts of blocks, shared counters and denormals."""

import platform
import threading

import numba
import numpy as np
import pytest

from spikeloom.kernels.cpu import bits, simd
from spikeloom.kernels.cpu.compile import FLAGS
from spikeloom.kernels.cpu.simd import Width

compiled = numba.njit(**FLAGS)
HOLD = np.float32(7)
WORDS = [0, 1, 1 << 63, 2**64 - 1, 0xF0F0_0000_8000_0001, 0x0000_FFFF_0000_0000, 0x5555_5555_5555_5555]
all_words = pytest.mark.parametrize("word", WORDS, ids=hex)


def mask(word: int) -> np.ndarray:
    return np.array([word >> i & 1 for i in range(64)], bool)


@compiled
def counted(words, out):
    for i in range(len(words)):
        out[i, 0] = bits.popcount(words[i])
        if words[i] != np.uint64(0):
            out[i, 1] = bits.trailing_zeros(words[i])


def test_counts_of_bits() -> None:
    out = np.zeros((len(WORDS), 2), np.uint64)
    counted(np.array(WORDS, np.uint64), out)
    assert out[:, 0].tolist() == [word.bit_count() for word in WORDS]
    assert out[1:, 1].tolist() == [(word & -word).bit_length() - 1 for word in WORDS[1:]]


@compiled
def unpack_and_pack(width, packed, at, word, block, again):
    x = bits.expand(width, packed, at, word)
    simd.store(block, 0, x)
    bits.compress(again, at, word, x)


@all_words
def test_expand_and_compress_undo_one_another(width: Width, word: int) -> None:
    at, size = 5, word.bit_count()
    packed = np.random.default_rng(0).random(at + size).astype(np.float32)
    block, again = np.full(64, np.nan, np.float32), np.full(at + size + 64 + 8, HOLD)
    unpack_and_pack(width, packed, at, np.uint64(word), block, again)
    want = np.zeros(64, np.float32)
    want[mask(word)] = packed[at:]
    assert np.array_equal(block, want)
    assert np.array_equal(again[at : at + size], packed[at:])
    assert (again[:at] == HOLD).all()
    assert (again[at + size + 64 :] == HOLD).all()


@compiled
def copy_first(width, source, target, at, count):
    block = bits.load_first(width, source, at, count)
    simd.store(target[0], 0, block)
    bits.store_first(target[1], at, block, count)


@pytest.mark.parametrize("count", [0, 1, 5, 16, 63, 64, 65])
def test_parts_of_blocks(width: Width, count: int) -> None:
    at, size = 3, min(count, 64)
    source = np.random.default_rng(0).random(at + size).astype(np.float32)
    target = np.full((2, 80), HOLD)
    copy_first(width, source, target, at, count)
    assert np.array_equal(target[0, :64], np.append(source[at:], np.zeros(64 - size, np.float32)))
    want = np.full(80, HOLD)
    want[at : at + size] = source[at:]
    assert np.array_equal(target[1], want)


@compiled
def take_all(counter, owner, me):
    i = bits.take_next(counter)
    while i < len(owner):
        owner[i] += me
        i = bits.take_next(counter)


def test_no_two_threads_take_the_same_number() -> None:
    counter, owner = np.zeros(1, np.int64), np.zeros(200_000, np.int64)
    take_all(np.ones(1, np.int64), owner[:1], 1)
    threads = [threading.Thread(target=take_all, args=(counter, owner, me)) for me in (1, 10, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.isin(owner, (1, 10, 100)).all()
    assert counter[0] == len(owner) + 3


@compiled
def halve(numbers, inside, outside):
    control = bits.flush_denormals()
    for i in range(len(numbers)):
        inside[i] = numbers[i] * np.float32(0.5)
    bits.restore_denormals(control)
    for i in range(len(numbers)):
        outside[i] = numbers[i] * np.float32(0.5)


@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64", "aarch64", "arm64"),
    reason="denormals are flushed on x86-64 and ARM only",
)
def test_denormals_are_zero_inside_a_kernel_and_numbers_again_behind_it() -> None:
    smallest = np.finfo(np.float32).tiny
    numbers = np.array([smallest, smallest / 2, smallest * 2, 1], np.float32)  # result, operand, neither, neither
    inside, outside = np.full(4, HOLD), np.full(4, HOLD)
    halve(numbers, inside, outside)
    assert inside.tolist() == [0, 0, smallest, 0.5]
    assert outside.tolist() == [smallest / 2, smallest / 4, smallest, 0.5]
    assert (numbers * np.float32(0.5)).tolist() == outside.tolist()
