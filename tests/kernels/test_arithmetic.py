"""A neuron's arithmetic as vector instructions, at each width: what it computes, and at the ends of its range."""

import math

import numba
import numpy as np
import torch

from spikeloom.kernels.cpu import simd
from spikeloom.kernels.cpu.compile import FLAGS
from spikeloom.kernels.cpu.neuron import load_states, step, store_blocks
from spikeloom.kernels.cpu.simd import Width
from spikeloom.neurons import Neuron, equations, exp, maximum, minimum, where

# Not `kernel`: that keeps compiled code on disk, under the digest of the package's sources and not of this file.
compiled = numba.njit(**FLAGS)


@compiled
def one_step(width, neuron, numbers, out):
    """`numbers` holds a block for the state and one for the current; `out` takes the new states and the margin."""
    current = simd.load(width, numbers, 64)
    after, margin = step(neuron, load_states(width, neuron, numbers, 0, 64), simd.full(width, 0.0), current, ())
    store_blocks(out, 0, 64, after)
    simd.store(out, 64, margin)


def results(function, width: Width, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[no-untyped-def]
    """Two results of a function of two numbers, each number a block of its own."""
    neuron = equations(Neuron("mine", lambda s, spike, i, p: function(s[0], i), ("x",), ()))
    parts = []
    for first in range(0, len(a), 64):
        numbers, out = np.concatenate([a[first : first + 64], b[first : first + 64]]), np.empty(128, np.float32)
        one_step(width, neuron, numbers, out)
        parts.append(out.reshape(2, 64))
    return tuple(np.concatenate(parts, axis=1))


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-30], np.float32)
PAIRS = np.repeat(SPECIAL, 8), np.tile(SPECIAL, 8)  # every pair


def exponential_and_quotient(a, b):  # type: ignore[no-untyped-def]
    return (exp(a),), a / b


def test_exponential_to_a_few_units_in_the_last_place(width: Width) -> None:
    """Against torch in float64, over all that gives normal floats, but for the very largest."""
    whole = np.linspace(-87.3, 88.37, 64 * 400, dtype=np.float32)
    near_zero = np.linspace(-1e-3, 1e-3, 64 * 50, dtype=np.float32)
    x = np.concatenate([whole, near_zero])
    got, _ = results(exponential_and_quotient, width, x, np.ones_like(x))
    want = torch.exp(torch.from_numpy(x).double()).numpy()
    errors = np.abs(got - want) / np.spacing(want.astype(np.float32))
    assert errors.max() < 2.5, errors.max()


def test_exponential_of_what_lies_beyond(width: Width) -> None:
    """Too small gives next to nothing, too large a number near the largest; NaN stays NaN, so that it is found."""
    x = np.resize(np.array([-np.inf, -1e30, -100, -88, 88.5, 1e30, np.inf, np.nan], np.float32), 64)
    got, _ = results(exponential_and_quotient, width, x, np.ones_like(x))
    got = got[:8]
    assert (got[:4] >= 0).all()
    assert (got[:4] < 1.3e-38).all()
    assert (got[4:7] > 2e38).all()
    assert np.isfinite(got[4:7]).all()
    assert math.isnan(got[7])


def test_quotients_are_those_of_ieee(width: Width) -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 6400)).astype(np.float32)
    a, b = (np.concatenate([x, special]) for x, special in zip((a, b), PAIRS, strict=True))
    _, got = results(exponential_and_quotient, width, a, b)
    with np.errstate(all="ignore"):
        assert np.array_equal(got, a / b, equal_nan=True)


def choices(a, b):  # type: ignore[no-untyped-def]
    return (where(a > b, a, 2.0) + where(a >= b, 4.0, 8.0),), maximum(a, b) - minimum(a, b)


def test_choices_with_zeros_infinities_and_nan(width: Width) -> None:
    """No comparison with NaN holds, so the second of the two is taken."""
    a, b = PAIRS
    got, got_range = results(choices, width, a, b)
    with np.errstate(all="ignore"):
        want = np.where(a > b, a, np.float32(2)) + np.where(a >= b, np.float32(4), np.float32(8))
        want_range = np.where(a >= b, a, b) - np.where(a <= b, a, b)
    assert np.array_equal(got, want, equal_nan=True)
    assert np.array_equal(got_range, want_range, equal_nan=True)


def signs(a, b):  # type: ignore[no-untyped-def]
    return (-a,), abs(a) + (b - 1.0) ** 3


def test_signs_and_powers(width: Width) -> None:
    """Halves, whose powers are exact."""
    a = (np.arange(-32, 32) / 2).astype(np.float32)
    b = a[::-1].copy()
    got, got_power = results(signs, width, a, b)
    assert np.array_equal(got, -a)
    assert np.array_equal(got_power, np.abs(a) + (b - 1) ** 3)
