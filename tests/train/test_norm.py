"""The norm of all gradients."""

import math

import pytest
import torch

from spikeloom.train.norm import gradient_norm, late_norm


def gradients() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    turned = torch.randn(700, 64, 5, generator=generator).permute(2, 0, 1)
    return [turned, torch.randn(3, 1001, generator=generator), torch.randn(40_000, generator=generator)]


def test_it_is_the_norm() -> None:
    flat = torch.cat([x.double().flatten() for x in gradients()])
    assert gradient_norm(gradients()) == pytest.approx(float(flat.norm()), rel=1e-6)
    assert gradient_norm([]) == 0.0


def test_its_bits_do_not_depend_on_the_number_of_threads() -> None:
    found, before = set(), torch.get_num_threads()
    try:
        for count in (1, 2, 3, 7):
            torch.set_num_threads(count)
            found.add(gradient_norm(gradients()))
    finally:
        torch.set_num_threads(before)
    assert len(found) == 1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_number_that_is_not_finite_shows(bad: float) -> None:
    found = gradients()
    found[1][2, 5] = bad
    assert not math.isfinite(gradient_norm(found))


def test_a_norm_that_nobody_waits_for_is_the_same() -> None:
    assert float(late_norm(gradients())) == pytest.approx(gradient_norm(gradients()), rel=1e-6)
    for bad in (math.nan, math.inf):
        found = gradients()
        found[1][2, 5] = bad
        assert not math.isfinite(late_norm(found))
