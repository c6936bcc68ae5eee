"""Means, intervals and convergence, with numbers worked out by hand."""

import pytest

from studies.accuracy.statistics import by_part, difference, first_at_least, spread


def test_seeds_of_a_part_are_averaged_first() -> None:
    values = {("a", 0): 0.8, ("a", 1): 0.9, ("b", 0): 0.5}
    assert by_part(values) == pytest.approx({"a": 0.85, "b": 0.5})
    found = spread(values)
    # Parts count alike, however many seeds they have; the runs lie 1/15, 1/6 and -7/30 from their mean 11/15.
    assert found.mean == pytest.approx(0.675)
    assert found.sd == pytest.approx(((1 / 15) ** 2 / 2 + (1 / 6) ** 2 / 2 + (7 / 30) ** 2 / 2) ** 0.5)
    assert (found.parts, found.runs) == (2, 3)


def test_a_single_run_has_no_spread() -> None:
    assert spread({("a", 0): 0.8}).sd is None


def test_the_interval_is_students_over_the_parts() -> None:
    # Parts differ by 1, 2 and 3: mean 2, sd 1, and t(0.975, 2) = 4.302653 of any table.
    values = {("a", 0): 1.0, ("b", 0): 2.0, ("c", 0): 3.0}
    found = difference(values, dict.fromkeys(values, 0.0))
    assert found is not None
    assert found.mean == pytest.approx(2.0)
    assert found.low == pytest.approx(2 - 4.302653 / 3**0.5, abs=1e-6)
    assert found.high == pytest.approx(2 + 4.302653 / 3**0.5, abs=1e-6)
    assert (found.parts, found.runs) == (3, 3)


def test_more_seeds_do_not_narrow_the_interval() -> None:
    once = {("a", 0): 1.0, ("b", 0): 3.0}
    thrice = {(part, seed): value for (part, _), value in once.items() for seed in range(3)}
    narrow, wide = (difference(values, dict.fromkeys(values, 0.0)) for values in (once, thrice))
    assert narrow is not None
    assert wide is not None
    # t(0.975, 1) = 12.706205; the sd of 1 and 3 is the root of 2.
    assert (wide.low, wide.high) == pytest.approx((narrow.low, narrow.high))
    assert wide.high == pytest.approx(2 + 12.706205, abs=1e-5)
    assert (wide.parts, wide.runs) == (2, 6)


def test_only_pairs_count() -> None:
    found = difference({("a", 0): 1.0, ("a", 1): 9.0, ("b", 0): 9.0}, {("a", 0): 0.5, ("c", 0): 0.0})
    assert found is not None
    assert (found.mean, found.low, found.high) == (0.5, None, None)
    assert (found.parts, found.runs) == (1, 1)
    assert difference({("a", 0): 1.0}, {("b", 0): 1.0}) is None


@pytest.mark.parametrize(("target", "epoch"), [(0.1, 1), (0.5, 2), (0.8, 4), (0.81, None)])
def test_the_first_epoch_that_reaches_a_target(target: float, epoch: int | None) -> None:
    assert first_at_least([0.2, 0.5, 0.4, 0.8], target) == epoch
