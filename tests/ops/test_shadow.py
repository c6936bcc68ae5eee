"""Weights read in 16 bits: what they come out as, and a layer that reads them so."""

from dataclasses import replace

import pytest
import torch
from engine import as_packed, run_operators
from oracle import Case, random_case

from spikeloom import ops
from spikeloom.nn.blocked import to_blocks

all_widths = pytest.mark.usefixtures("lanes")
HALF_UNIT = 2.0**-8
"""Of bfloat16's last place, relative to the number."""


def weights(neurons: int, inputs: int) -> torch.Tensor:
    return torch.randn(neurons, inputs, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("neurons", "inputs"), [(1, 1), (64, 3), (65, 33), (700, 130)])
def test_half_the_memory_and_half_a_unit_away(neurons: int, inputs: int) -> None:
    weight = weights(neurons, inputs)
    blocks = to_blocks(weight)
    packed = ops.shadow(blocks)
    assert (packed.dtype, 2 * packed.numel()) == (torch.int32, blocks.numel())
    got = as_packed(weight)
    assert bool(((got - weight).abs() <= HALF_UNIT * weight.abs()).all())
    assert not torch.equal(got, weight)


def test_what_is_packed_already_stays_as_it_is() -> None:
    once = as_packed(weights(130, 40))
    assert torch.equal(as_packed(once), once)


def test_packing_changes_no_weight() -> None:
    blocks = to_blocks(weights(70, 20))
    before = blocks.clone()
    ops.shadow(blocks)
    assert torch.equal(blocks, before)


def assert_reads_as(case: Case, **settings: object) -> None:
    """With a shadow, a layer is the one whose weights are the shadow's numbers: all results are the same bits."""
    got = run_operators(case, sparse=True, shadow=True, **settings)  # type: ignore[arg-type]
    same = replace(case, weight=as_packed(case.weight.float()).double())
    want = run_operators(same, sparse=True, **settings)  # type: ignore[arg-type]
    plain = run_operators(case, sparse=True, **settings)  # type: ignore[arg-type]
    assert set(got) == set(want)
    for name, value in want.items():
        assert torch.equal(got[name].nan_to_num(), value.nan_to_num()), name
    assert not torch.equal(got["state.membrane"], plain["state.membrane"]), "the shadow is read"
    if bool(case.x.any()) and "d_x" in got:
        assert not torch.equal(got["d_x"], plain["d_x"]), "and so it is backward"


@pytest.mark.parametrize("neurons", [33, 64, 65, 200])
@all_widths
def test_a_layer_reads_its_shadow_forward_and_backward(neurons: int) -> None:
    assert_reads_as(random_case(neurons=neurons, bias=True, per_neuron=True, batch=5))


@all_widths
def test_windows_caps_and_calls_that_go_on() -> None:
    case = random_case(neurons=200, inputs=70, batch=5, activity=0.3, threshold=0.5)
    near = torch.rand(case.x.shape, generator=torch.Generator().manual_seed(5)) < 0.3
    assert_reads_as(case, near=near, limit=ops.capacity(0.1, 200), seed=3, cut=9)
    assert_reads_as(case, want_input=False)
