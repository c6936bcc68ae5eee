"""The single operations: the sparse product, to the bit, and the selection of spikes by two thresholds."""

import math

import pytest
import torch
from engine import spread, windowed
from oracle import all_surrogates, assert_close, assert_well_formed
from torch import Tensor

from spikeloom import Spikes, ops, reference
from spikeloom.nn.blocked import to_blocks
from spikeloom.surrogates import SuperSpike, Surrogate

all_widths = pytest.mark.usefixtures("lanes")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sixteenths(*shape: int, seed: int) -> Tensor:
    """Numbers whose sums every float type holds exactly."""
    return torch.randint(-16, 17, shape, generator=generator(seed)) / 16


@pytest.mark.parametrize(("inputs", "neurons"), [(1, 1), (33, 63), (65, 65), (200, 130), (64, 700)])
@pytest.mark.parametrize("activity", [0.0, 0.1, 1.0])
@all_widths
def test_product_is_the_references_to_the_bit(inputs: int, neurons: int, activity: float) -> None:
    x = (torch.rand(5, 3, inputs, generator=generator()) < activity).float()
    near = torch.rand(5, 3, inputs, generator=generator(1)) < 0.4
    weight, d_out = sixteenths(neurons, inputs, seed=2), sixteenths(5, 3, neurons, seed=3)

    leaf, dense = weight.clone().requires_grad_(), x.clone().requires_grad_()
    want = reference.product(dense, leaf)
    want.backward(d_out)

    spikes, got_leaf = windowed(x, near), weight.clone().requires_grad_()
    spikes.active.requires_grad_()
    rows = ops.product(spikes.ids, spikes.row_start, spikes.spike_count, spikes.active, to_blocks(got_leaf))
    got = rows[:, :neurons].view(3, 5, neurons).transpose(0, 1)
    got.backward(d_out)
    assert torch.equal(got, want)
    assert leaf.grad is not None
    assert dense.grad is not None
    assert torch.equal(got_leaf.grad, leaf.grad)  # type: ignore[arg-type]
    by_row = dense.grad.transpose(0, 1).reshape(15, inputs)
    assert torch.equal(spikes.active.grad, by_row[spikes.rows(), spikes.ids.long()])  # type: ignore[arg-type]


def select(u: Tensor, threshold: Tensor, second: Tensor, surrogate: Surrogate) -> Spikes:
    """The operator on membranes `[T, B, N]`, as a caller has to lay them out."""
    steps, batch, neurons = u.shape
    full = torch.full((batch * steps, spread(0.0, neurons).shape[0]), -math.inf)
    rows = torch.cat([(u - threshold).transpose(0, 1).reshape(batch * steps, neurons), full[:, neurons:]], 1)
    depth = torch.full(full.shape[1:], math.inf)
    depth[:neurons] = second - threshold
    active, ids, row_start, spike_count, _ = ops.select(rows, depth, surrogate.spec)
    return Spikes(ids, row_start, spike_count, active, steps, batch, neurons)


@pytest.mark.parametrize("neurons", [1, 33, 63, 64, 65, 130])
@pytest.mark.parametrize("surrogate", all_surrogates(), ids=lambda s: type(s).__name__)
def test_selection_is_the_references(neurons: int, surrogate: Surrogate) -> None:
    u = torch.randn(7, 3, neurons, generator=generator())
    threshold = torch.rand(neurons, generator=generator(1))
    second = threshold - torch.rand(neurons, generator=generator(2))
    d_spikes = torch.randn(7, 3, neurons, generator=generator(3))
    ours, theirs = u.clone().requires_grad_(), u.clone().requires_grad_()
    got = select(ours, threshold, second, surrogate)
    assert_well_formed(got)
    want, window = reference.select(theirs, threshold=threshold, second_threshold=second, surrogate=surrogate)
    assert torch.equal(got.dense(), want)
    assert got.ids.numel() == int(window.sum())
    got.dense().backward(d_spikes)
    want.backward(d_spikes)
    assert ours.grad is not None
    assert theirs.grad is not None
    assert_close(ours.grad, theirs.grad, kind="float32", name="d_u")
    assert torch.equal(ours.grad != 0, theirs.grad != 0)


def test_selection_of_nothing_and_of_everything() -> None:
    for value, spiked in ((-9.0, 0), (9.0, 65 * 6)):
        u = torch.full((2, 3, 65), value, requires_grad=True)
        got = select(u, torch.ones(65), torch.full((65,), 0.9), SuperSpike())
        assert (int(got.spike_count.sum()), got.ids.numel()) == (spiked, spiked)
        got.active.sum().backward()
        assert u.grad is not None
        assert bool((u.grad != 0).all()) == bool(spiked)
