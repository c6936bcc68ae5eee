"""The sparse product and its adjoints: on dyadic weights, bit-equal to plain products in float64."""

import numpy as np
import pytest
from kernels.inputs import plain, rows_of, sixteenths

from spikeloom.kernels.cpu import product, workers
from spikeloom.kernels.cpu.simd import Width
from spikeloom.kernels.cpu.sources import Gathered, Stored

STEPS, BATCH = 5, 4
ROWS = STEPS * BATCH
SIZES = pytest.mark.parametrize(
    ("inputs", "blocks", "activity"), [(1, 1, 1.0), (65, 3, 0.3), (200, 2, 0.0), (33, 1, 1.0)]
)


@SIZES
@pytest.mark.parametrize("threads", [1, 2])
def test_forward(width: Width, inputs: int, blocks: int, activity: float, threads: int) -> None:
    x = rows_of(inputs, ROWS, activity)
    weight, bias = sixteenths(blocks, inputs, 64, seed=1), sixteenths(blocks * 64, seed=2)
    out = np.full((STEPS * BATCH, blocks * 64), np.nan, np.float32)
    source = Gathered(weight.ravel(), inputs, bias, x.ids, x.row_start, x.spike_count)
    workers.run(threads, product.forward, width, source, len(out), out)
    assert np.array_equal(out, x.fired @ plain(weight).T + bias)


def test_forward_from_stored_currents(width: Width) -> None:
    """Rows may lie in any order."""
    current, bias, out = sixteenths(20, 192, seed=0), sixteenths(192, seed=1), np.full((20, 192), np.nan, np.float32)
    place = np.random.default_rng(0).permutation(20)
    workers.run(2, product.forward, width, Stored(current.ravel(), 192, place, bias), 20, out)
    assert np.array_equal(out, current[place] + bias)


@SIZES
@pytest.mark.parametrize("want_input", [True, False], ids=["input", "no_input"])
def test_backward(width: Width, inputs: int, blocks: int, activity: float, want_input: bool) -> None:
    x = rows_of(inputs, ROWS, activity)
    weight, d_out = sixteenths(blocks, inputs, 64, seed=1), sixteenths(BATCH * STEPS, blocks * 64, seed=2)
    parts = min(blocks, 2)
    d_weight = sixteenths(blocks, inputs, 64, seed=3)  # added to
    want_weight, d = plain(d_weight), d_out.astype(np.float64)
    d_input = np.zeros((parts, len(x.ids) if want_input else 0), np.float32)
    workers.run(
        2, product.backward, width, weight.ravel(), inputs, x.ids, x.row_start, x.spike_count,
        d_out, parts, d_weight.ravel(), d_input,
    )  # fmt: skip
    assert np.array_equal(plain(d_weight), want_weight + d.T @ x.fired)
    if want_input:
        row = np.repeat(np.arange(BATCH * STEPS), x.inside.sum(1))
        assert np.array_equal(d_input.sum(0), (d @ plain(weight))[row, x.ids])
