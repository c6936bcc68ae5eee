"""Weights to start from: their bounds, and the activity they are scaled to."""

import pytest
import torch

from spikeloom import InputError, nn


def test_uniform_weights_keep_their_bound() -> None:
    layer = nn.LIF(24, 70, recurrent=True, bias=True)
    nn.init.uniform_(layer, gain=1.0)
    for matrix, inputs in ((layer.weight_matrix(), 24), (layer.recurrent_matrix(), 70)):
        bound = (6 / inputs) ** 0.5
        assert bound * 0.95 < float(matrix.abs().max()) <= bound
        assert abs(float(matrix.mean())) < bound / 10
    assert layer.bias is not None
    assert not bool(layer.bias.any())


@pytest.mark.parametrize("recurrent", [True, False])
def test_layers_reach_the_wanted_activity(recurrent: bool) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.LIF(50, 128, recurrent=recurrent), nn.LIF(128, 100), nn.LI(100, 3))
    x = (torch.rand(20, 8, 50) < 0.1).float()
    reached = nn.init.scale_to_activity_(net, x, 0.05)
    assert reached == pytest.approx([0.05, 0.05], rel=0.1)
    net(x)
    assert [net[0].last_activity, net[1].last_activity] == reached


def test_a_cap_does_not_change_where_a_layer_starts() -> None:
    """Its neurons spike at the wanted rate, however few of their spikes leave it."""
    x = (torch.rand(20, 8, 50) < 0.1).float()
    weights = []
    for cap in (None, 0.01):
        torch.manual_seed(0)
        net = nn.Sequential(nn.LIF(50, 128, max_activity=cap), nn.LI(128, 3))
        assert nn.init.scale_to_activity_(net, x, 0.05) == pytest.approx([0.05], rel=0.1)
        assert net[0].max_activity == cap
        weights.append(net[0].weight_matrix())
    assert torch.equal(*weights)


def test_activities_that_cannot_be_reached() -> None:
    net = nn.Sequential(nn.LIF(5, 7))
    with pytest.raises(
        InputError, match="layer 1: expected an activity of 10.00%, got 0.00%; .* lower initial_activity"
    ):
        nn.init.scale_to_activity_(net, torch.zeros(4, 2, 5), 0.1)
    with pytest.raises(InputError, match="target: expected a number above 0 and below 1, got 1.5"):
        nn.init.scale_to_activity_(net, torch.zeros(4, 2, 5), 1.5)
