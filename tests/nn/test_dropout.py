"""Dropout on spikes: whole inputs of whole samples, the same for all steps, and the same current on average."""

import pytest
import torch
from oracle import assert_well_formed
from torch import Tensor

from spikeloom import InputError, nn
from spikeloom.nn.dropout import drop, only
from spikeloom.spikes import Spikes


def binary(*shape: int, activity: float = 0.3) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(0)) < activity).float()


def test_silent_neurons_are_gone_and_gradients_reach_the_others() -> None:
    membrane = torch.rand(6, 3, 40, generator=torch.Generator().manual_seed(1)).requires_grad_()
    spikes = nn.functional.select_spikes(membrane, second_threshold=0.5, threshold=0.8)
    kept = torch.rand(3, 40, generator=torch.Generator().manual_seed(2)) < 0.5
    left = only(spikes, kept)
    assert_well_formed(left)
    assert torch.equal(left.dense(), spikes.dense() * kept)
    upstream = torch.rand(6, 3, 40, generator=torch.Generator().manual_seed(3))
    (got,) = torch.autograd.grad(left.dense(), membrane, upstream, retain_graph=True)
    (want,) = torch.autograd.grad(spikes.dense(), membrane, upstream * kept)
    assert torch.equal(got, want)
    assert bool(got.any())


def test_a_batch_without_entries() -> None:
    left = only(Spikes.from_dense(torch.zeros(4, 2, 5)), torch.ones(2, 5, dtype=torch.bool))
    assert_well_formed(left)
    assert left.ids.numel() == 0


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("recurrent", [True, False])
def test_in_training_a_layer_hears_what_the_mask_leaves(sparse: bool, recurrent: bool) -> None:
    torch.manual_seed(0)
    layer, x = nn.LIF(50, 70, dropout=0.4, recurrent=recurrent, sparse=sparse, bias=True), binary(8, 5, 50)
    out, state = layer(x)
    assert state.kept is not None
    assert 0.4 < state.kept.float().mean() < 0.8
    plain = nn.LIF(50, 70, recurrent=recurrent, sparse=sparse, bias=True)
    plain.load_state_dict(layer.state_dict())
    assert torch.equal(out.dense(), plain(x * state.kept)[0].dense())


@pytest.mark.parametrize("layer", [nn.LIF(50, 70, dropout=0.25, gain=0.3, bias=True), nn.LI(50, 7, dropout=0.25)])
def test_in_evaluation_all_is_heard_through_smaller_weights(layer: nn.LIF | nn.LI) -> None:
    x = binary(8, 5, 50)
    out, state = layer.eval()(x)
    assert state.kept is None
    plain = type(layer)(50, layer.out_features, **({"gain": 0.3, "bias": True} if isinstance(layer, nn.LIF) else {}))
    plain.load_state_dict(layer.state_dict())
    plain.load_weight_matrix(0.75 * layer.weight_matrix())
    want = plain(x)[0]
    assert torch.equal(*(o.dense() if isinstance(o, Spikes) else o for o in (out, want)))


def test_the_current_is_the_same_on_average() -> None:
    torch.manual_seed(0)
    layer, x = nn.LI(50, 7, dropout=0.5, beta=0.0), binary(1, 1, 50)
    heard = layer(x.expand(1, 4000, 50))[0].mean(1)
    torch.testing.assert_close(heard, layer.eval()(x)[0][0], atol=0.05, rtol=0)


@pytest.mark.parametrize("kind", [nn.LIF, nn.LI])
def test_a_sample_in_chunks_keeps_its_mask(kind: type) -> None:
    torch.manual_seed(0)
    layer, x = kind(50, 70, dropout=0.5), Spikes.from_dense(binary(10, 4, 50))
    torch.manual_seed(1)
    whole, end = layer(x)
    torch.manual_seed(1)
    first, state = layer(x[:3])
    second, last = layer(x[3:], state.detach())
    parts = [o.dense() if isinstance(o, Spikes) else o for o in (first, second)]
    assert torch.equal(torch.cat(parts), whole.dense() if isinstance(whole, Spikes) else whole)
    assert torch.equal(end.kept, last.kept)
    assert not torch.equal(layer(x)[1].kept, end.kept)


def test_real_numbers_are_masked_too() -> None:
    torch.manual_seed(0)
    x = torch.rand(4, 3, 50)
    left, kept = drop(x, None, chance=0.5, training=True)
    assert torch.equal(left, x * kept)
    out, state = nn.LI(50, 4, dropout=0.5)(x)
    assert state.kept.shape == (3, 50)
    assert out.shape == (4, 3, 4)


@pytest.mark.parametrize("chance", [-0.1, 1.0, float("nan")])
@pytest.mark.parametrize("kind", [nn.LIF, nn.LI])
def test_a_chance_out_of_range(kind: type, chance: float) -> None:
    with pytest.raises(InputError, match="dropout: expected a chance from 0 below 1, got"):
        kind(4, 5, dropout=chance)


def test_a_mask_of_another_batch() -> None:
    layer = nn.LI(50, 4, dropout=0.5)
    _, state = layer(binary(3, 2, 50))
    with pytest.raises(InputError, match=r"state: expected a mask \(3, 50\), \[B, I\], got \(2, 50\)"):
        layer(binary(3, 3, 50), state)


def test_scaling_to_an_activity_draws_no_mask() -> None:
    torch.manual_seed(0)
    net, before = nn.Sequential(nn.LIF(50, 64), nn.LIF(64, 64, dropout=0.5)), torch.get_rng_state()
    reached = nn.init.scale_to_activity_(net, binary(20, 8, 50), 0.1)
    assert torch.equal(torch.get_rng_state(), before)
    assert reached == pytest.approx([0.1, 0.1], rel=0.1)
    assert net.training
