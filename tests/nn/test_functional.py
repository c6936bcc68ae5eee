"""The single sparse operations, in a time loop of one's own: the loop is what a layer computes, gradients included."""

from dataclasses import replace

import pytest
import torch
from oracle import assert_well_formed
from torch import Tensor

from spikeloom import InputError, Spikes, nn
from spikeloom.nn import functional
from spikeloom.surrogates import SuperSpike


def binary(*shape: int) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(0)) < 0.3).float()


@pytest.mark.parametrize("neurons", [33, 130])
def test_a_loop_of_ones_own_is_the_layer(neurons: int) -> None:
    """A feed-forward layer without reset, so that the loop needs nothing but the two operations."""
    # A gentle slope: a steep one amplifies what the two round differently.
    settings = {"beta": 0.9, "gain": 0.5, "reset": "none", "surrogate": SuperSpike(1.0)}
    layer, x = nn.LIF(20, neurons, sparse=True, **settings), Spikes.from_dense(binary(8, 3, 20))
    weight = layer.weight.detach().clone().requires_grad_()
    d_spikes = torch.randn(8, 3, neurons)

    current = functional.sparse_product(x, weight, neurons)
    membrane, membranes = torch.zeros(3, neurons), []
    for now in current:
        membrane = 0.9 * membrane + 0.5 * now
        membranes.append(membrane)
    got = functional.select_spikes(torch.stack(membranes), surrogate=SuperSpike(1.0))
    assert_well_formed(got)
    got.dense().backward(d_spikes)

    want, _ = layer(x)
    want.dense().backward(d_spikes)
    assert torch.equal(got.dense(), want.dense())
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, layer.weight.grad)


def test_the_product_gives_gradients_inside_the_window_of_its_inputs() -> None:
    first = functional.select_spikes(torch.tensor([[[1.5, 0.95, 0.2]]], requires_grad=True))
    matrix = torch.randn(5, 3)
    functional.sparse_product(first, nn.to_blocks(matrix), 5).sum().backward(inputs=[first.active])
    assert first.ids.tolist() == [0, 1]
    assert first.active.grad is not None
    torch.testing.assert_close(first.active.grad, matrix.sum(0)[:2])


def test_thresholds_of_each_neuron() -> None:
    membrane = torch.full((1, 1, 3), 1.0)
    high, low = torch.tensor([1.0, 1.5, 2.0]), torch.tensor([0.5, 0.5, 1.5])
    spikes = functional.select_spikes(membrane, threshold=high, second_threshold=low)
    assert (spikes.ids.tolist(), spikes.spike_count.tolist()) == ([0, 1], [1])


@pytest.mark.parametrize(
    ("membrane", "settings", "message"),
    [
        (torch.zeros(3, 4), {}, r"membrane: expected a tensor \[T, B, N\], got \(3, 4\)"),
        (torch.zeros(3, 2, 4).double(), {}, "membrane: expected float32, got torch.float64; call .float"),
        (torch.zeros(3, 2, 4), {"threshold": torch.ones(3)}, r"threshold: expected a number or 4 of them"),
        (torch.zeros(3, 2, 4), {"second_threshold": 1.1}, "second_threshold: expected at most the threshold, got 1.1"),
    ],
)
def test_membranes_that_do_not_fit(membrane: Tensor, settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        functional.select_spikes(membrane, **settings)  # type: ignore[arg-type]


def test_weights_and_ids_that_do_not_fit() -> None:
    spikes = Spikes.from_dense(binary(3, 2, 20))
    with pytest.raises(InputError, match=r"weight: expected blocks \(2, 20, 64\), got \(1, 20, 64\); see nn.to_blocks"):
        functional.sparse_product(spikes, nn.to_blocks(torch.zeros(64, 20)), 65)
    with pytest.raises(InputError, match="ids: expected neurons from 0 to 19, got some outside of it"):
        functional.sparse_product(replace(spikes, ids=spikes.ids + 9), nn.to_blocks(torch.zeros(65, 20)), 65)
