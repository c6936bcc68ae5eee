"""Limits are numbers that a machine can have, and the loops that find them do their work."""

import numpy as np
import pytest

from spikeloom.bench import limits
from spikeloom.kernels.cpu import workers
from spikeloom.kernels.cpu.simd import host_width


def test_bandwidths_are_sane() -> None:
    near, far = (limits.gather(size, 1, budget_s=2e-3) for size in (1 << 17, 1 << 24))
    assert 0.5 < far < near < 5000
    assert 0.2 < limits.copy(1 << 22, 1) < 5000


@pytest.mark.parametrize("form", [limits._one_row, limits._two_rows, limits._two_rows_ahead])
@pytest.mark.parametrize("threads", [1, 2])
def test_each_form_adds_up_every_row_it_names(form: object, threads: int) -> None:
    rows, passes = 40, 3
    table = limits.huge_pages(threads * rows * 64)
    table[:] = np.arange(table.size) % 251
    ids = np.random.default_rng(0).integers(0, rows, 128, dtype=np.uint32)
    sums = limits.huge_pages(threads * 64)
    workers.run(threads, form, host_width(), table, np.uint64(rows), ids, passes, sums)
    expected = passes * table.reshape(threads, rows, 64)[:, ids].sum(1)
    np.testing.assert_array_equal(sums.reshape(threads, 64), expected)


@pytest.mark.parametrize("form", [limits._copy, limits._copy_past_cache])
def test_copies_copy(form: object) -> None:
    source, target = limits.huge_pages(2 * 640), limits.huge_pages(2 * 640)
    source[:] = np.arange(source.size)
    workers.run(2, form, host_width(), source, target, 640)
    np.testing.assert_array_equal(source, target)


def test_measure_takes_threads_together() -> None:
    found = limits.measure(1, budget_s=1e-3)
    assert found.l2_gather > 0
    assert found.l3_gather > 0
    assert found.copy > 0
    assert found.l2_bytes < found.l3_bytes
