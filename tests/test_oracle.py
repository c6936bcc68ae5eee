"""The comparisons and cases that all other tests rely on: what they must refuse, they refuse."""

import dataclasses
import math

import pytest
import torch
from oracle import (
    all_neurons,
    all_surrogates,
    assert_as_good_as,
    assert_close,
    assert_results_as_good_as,
    assert_well_formed,
    random_case,
    run_reference,
    spiking_neurons,
)

from spikeloom import Spikes


def test_assert_close_says_how_much_and_where() -> None:
    want = torch.ones(3, 4)
    got = want.clone()
    got[1, 2] = 1.5
    with pytest.raises(AssertionError, match=r"1 of 12 entries .* worst at \(1, 2\): got 1.5, expected 1.0, error 0.5"):
        assert_close(got, want, kind="float32")


@pytest.mark.parametrize(
    ("got", "message"),
    [(torch.ones(2), "shape"), (torch.ones(3).double(), "float64"), (torch.tensor([1, math.nan, 1]), "1 of 3 entries")],
)
def test_assert_close_refuses(got: torch.Tensor, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        assert_close(got, torch.ones(3), kind="float32")


def test_exact_is_exact() -> None:
    with pytest.raises(AssertionError):
        assert_close(torch.tensor([1 + 2**-23]), torch.ones(1), kind="exact")


def test_as_good_as_grants_twice_the_references_error_and_no_more() -> None:
    ref64 = torch.ones(2, dtype=torch.float64)
    ref32 = torch.tensor([1.001, 1.0])
    assert_as_good_as(torch.tensor([1.0, 1.0019]), ref32, ref64, "kernel")
    for wrong in (1.0021, math.nan, math.inf):
        with pytest.raises(AssertionError, match="kernel"):
            assert_as_good_as(torch.tensor([1.0, wrong]), ref32, ref64, "kernel")


def test_as_good_as_grants_a_few_units_in_the_last_place() -> None:
    ref64 = torch.ones(1, dtype=torch.float64)
    assert_as_good_as(torch.tensor([1 + 4 * 2**-23]), torch.ones(1), ref64, "kernel")
    with pytest.raises(AssertionError):
        assert_as_good_as(torch.tensor([1 + 5 * 2**-23]), torch.ones(1), ref64, "kernel")


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("per_neuron", [False, True])
def test_a_case_is_the_same_in_both_types(recurrent: bool, per_neuron: bool) -> None:
    case = random_case(recurrent=recurrent, bias=True, per_neuron=per_neuron)
    back = case.to(torch.float32).to(torch.float64)
    for field in dataclasses.fields(case):
        one, other = getattr(case, field.name), getattr(back, field.name)
        for a, b in zip(one, other, strict=True) if isinstance(one, tuple) else [(one, other)]:
            assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
    spread = run_reference(case)["spikes"].mean()
    assert 0.02 < spread < 0.2


def test_a_case_follows_its_seed() -> None:
    assert torch.equal(random_case(seed=1).weight, random_case(seed=1).weight)
    assert not torch.equal(random_case(seed=1).weight, random_case(seed=2).weight)


def test_dyadic_weights_are_sixteenths() -> None:
    case = random_case(dyadic=True, recurrent=True, bias=True)
    for weight in (case.weight, case.recurrent_weight, case.bias):
        assert bool((weight * 16 == (weight * 16).round()).all())
        assert float(weight.abs().max()) <= 1


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("per_neuron", [False, True])
def test_the_float32_reference_is_as_good_as_itself(recurrent: bool, per_neuron: bool) -> None:
    case = random_case(recurrent=recurrent, bias=True, per_neuron=per_neuron)
    results = run_reference(case.to(torch.float32))
    assert_results_as_good_as(results, case)
    wrong = {"d_weight": results["d_weight"] + 1e-3}
    with pytest.raises(AssertionError, match="d_weight"):
        assert_results_as_good_as(wrong, case)


def test_everything_there_is_is_found() -> None:
    assert {"LIF.zero", "LIF.subtract", "LIF.none", "SE-adLIF.zero", "LI"} <= {neuron.name for neuron in all_neurons()}
    assert {neuron.name for neuron in spiking_neurons()} < {neuron.name for neuron in all_neurons()}
    assert len(all_surrogates()) >= 6


def test_well_formed_spikes_pass_and_broken_ones_do_not() -> None:
    spikes = Spikes(
        ids=torch.tensor([3, 0, 2, 1], dtype=torch.int32),
        row_start=torch.tensor([0, 3, 4]),
        spike_count=torch.tensor([1, 0], dtype=torch.int32),
        active=torch.tensor([1.0, 0.0, 0.0, 0.0]),
        steps=2,
        batch=1,
        neurons=4,
    )
    assert_well_formed(spikes)
    assert_well_formed(Spikes.from_dense((torch.rand(4, 3, 65) < 0.3).float()))
    for broken in (
        {"ids": torch.tensor([3, 2, 0, 1], dtype=torch.int32)},
        {"ids": torch.tensor([3, 0, 3, 1], dtype=torch.int32)},
        {"ids": torch.tensor([4, 0, 2, 1], dtype=torch.int32)},
        {"ids": spikes.ids.long()},
        {"active": torch.tensor([1.0, 1.0, 0.0, 0.0])},
        {"spike_count": torch.tensor([1, 2], dtype=torch.int32)},
        {"row_start": torch.tensor([0, 3, 3])},
    ):
        with pytest.raises(AssertionError):
            assert_well_formed(dataclasses.replace(spikes, **broken))
