"""Every surrogate: its derivative is that of its primitive, its window cuts, its text makes it again."""

import math

import pytest
import torch
from oracle import all_surrogates, assert_close

from spikeloom import InputError
from spikeloom.surrogates import (
    Arctan,
    Boxcar,
    FastSigmoid,
    Sigmoid,
    SuperSpike,
    Surrogate,
    Triangular,
    from_spec,
    names,
)

every_surrogate = pytest.mark.parametrize("surrogate", all_surrogates(), ids=lambda s: s.spec)


def margins(count: int = 500) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.empty(count, dtype=torch.float64).uniform_(-2, 2, generator=generator)


def slope(function, margin: torch.Tensor) -> torch.Tensor:  # type: ignore[no-untyped-def]
    margin = margin.clone().requires_grad_()
    return torch.autograd.grad(function(margin).sum(), margin)[0]


@every_surrogate
def test_derivative_is_that_of_the_primitive(surrogate: Surrogate) -> None:
    assert_close(surrogate.derivative(margins()), slope(surrogate.primitive, margins()), kind="float64")


@every_surrogate
@pytest.mark.parametrize("scale", [0.3, 1.7])
def test_derivative_follows_the_scale(surrogate: Surrogate, scale: float) -> None:
    scaled = type(surrogate)(scale)
    assert_close(scaled.derivative(margins()), slope(scaled.primitive, margins()), kind="float64")


@every_surrogate
def test_primitive_rises_and_derivative_peaks_at_the_threshold(surrogate: Surrogate) -> None:
    at = torch.linspace(-3, 3, 601, dtype=torch.float64)
    assert bool((surrogate.primitive(at).diff() >= 0).all())
    assert bool((surrogate.derivative(at) <= surrogate.derivative(torch.zeros_like(at))).all())
    assert_close(surrogate.derivative(at), surrogate.derivative(-at), kind="float64")


@every_surrogate
@pytest.mark.parametrize("depth", [-0.1, 0.0, -100.0])
def test_window_cuts_the_derivative_and_nothing_else(surrogate: Surrogate, depth: float) -> None:
    margin = margins()
    windowed = surrogate.windowed_derivative(margin, depth)
    assert_close(windowed[margin >= depth], surrogate.derivative(margin)[margin >= depth], kind="exact")
    assert bool((windowed[margin < depth] == 0).all())
    assert_close(windowed, slope(lambda m: surrogate.windowed_primitive(m, depth), margin), kind="float64")


@every_surrogate
def test_windowed_primitive_is_zero_below_the_window(surrogate: Surrogate) -> None:
    below = torch.tensor([-1.0, -0.2, -0.1], dtype=torch.float64)
    assert bool((surrogate.windowed_primitive(below, -0.1) == 0).all())


@every_surrogate
def test_edge_of_the_window_belongs_to_it(surrogate: Surrogate) -> None:
    edge = torch.tensor([-0.125])
    assert surrogate.windowed_derivative(edge, -0.125) == surrogate.derivative(edge)


@every_surrogate
def test_window_may_differ_between_neurons(surrogate: Surrogate) -> None:
    margin, depth = margins(600).view(200, 3), torch.tensor([-0.1, -1.0, -math.inf], dtype=torch.float64)
    for n in range(3):
        one = surrogate.windowed_derivative(margin[:, n], float(depth[n]))
        assert_close(surrogate.windowed_derivative(margin, depth)[:, n], one, kind="float64")


@every_surrogate
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dtype_stays(surrogate: Surrogate, dtype: torch.dtype) -> None:
    margin = margins().to(dtype)
    assert surrogate.primitive(margin).dtype == surrogate.derivative(margin).dtype == dtype
    assert (
        surrogate.windowed_primitive(margin, -0.1).dtype == surrogate.windowed_derivative(margin, -0.1).dtype == dtype
    )


@pytest.mark.parametrize(
    ("surrogate", "at_zero", "at_tenth"),
    [
        (SuperSpike(10.0), 1.0, 1 / 4),
        (FastSigmoid(10.0), 5.0, 5 / 4),
        (Arctan(2.0), 1.0, 1 / (1 + (math.pi / 10) ** 2)),
        (Triangular(0.5), 2.0, 1.6),
        (Boxcar(0.25), 2.0, 2.0),
        (Sigmoid(10.0), 2.5, 10 * math.e / (1 + math.e) ** 2),
    ],
    ids=lambda s: s.spec if isinstance(s, Surrogate) else "",
)
def test_values_worked_out_from_the_formula(surrogate: Surrogate, at_zero: float, at_tenth: float) -> None:
    got = surrogate.derivative(torch.tensor([0.0, 0.1, -0.1], dtype=torch.float64))
    assert_close(got, torch.tensor([at_zero, at_tenth, at_tenth], dtype=torch.float64), kind="float64")


@every_surrogate
def test_repr_shows_the_formula_and_its_number(surrogate: Surrogate) -> None:
    assert repr(surrogate).startswith(surrogate.spec)
    assert surrogate.formula in repr(surrogate)
    assert repr(surrogate).endswith(f"k = {surrogate.scale:g}")


@every_surrogate
def test_spec_makes_the_surrogate_again(surrogate: Surrogate) -> None:
    assert from_spec(surrogate.spec) == surrogate
    assert from_spec(type(surrogate)(1 / 3).spec) == type(surrogate)(1 / 3)
    assert from_spec(type(surrogate).__name__) == surrogate
    assert type(surrogate).__name__ in names()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("Heaviside", "surrogate: expected one of SuperSpike, .*, got Heaviside"),
        ("SuperSpike(-1)", "surrogate: expected a finite number above 0, as in SuperSpike.10.0., got SuperSpike.-1."),
        ("Arctan(0)", "surrogate: expected a finite number above 0"),
        ("Boxcar(wide)", "surrogate: expected a finite number above 0, as in Boxcar"),
        ("Sigmoid(nan)", "surrogate: expected a finite number above 0"),
    ],
)
def test_a_text_that_names_no_surrogate_is_an_error(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_spec(spec)


def test_a_scale_must_be_above_zero() -> None:
    with pytest.raises(InputError, match="scale: expected a finite number above 0, got 0"):
        SuperSpike(0)
