"""Networks: which layers fit, how states are threaded and cut, a torch readout, the table of `explain`."""

import pytest
import torch
from torch import Tensor

from spikeloom import InputError, nn


def binary(*shape: int) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(0)) < 0.3).float()


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.LIF(20, 70, recurrent=True), nn.LIF(70, 64), nn.LI(64, 3))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "layers: expected at least one, got none"),
        ([torch.nn.ReLU()], "layer 1: expected one of Spiking, LI, Linear at this place, got ReLU"),
        ([nn.LI(4, 5), nn.LIF(5, 3)], "layer 1: expected one of Spiking at this place, got LI"),
        ([nn.LIF(4, 5), nn.LI(6, 3)], "layer 2: expected in_features 5, as layer 1 has neurons, got 6"),
    ],
)
def test_layers_that_do_not_fit(layers: list[torch.nn.Module], message: str) -> None:
    with pytest.raises(InputError, match=message):
        nn.Sequential(*layers)


def test_states_go_from_call_to_call() -> None:
    net, x = network(), binary(10, 4, 20)
    whole, last = net(x)
    first, state = net(x[:4])
    second, end = net(x[4:], state)
    torch.testing.assert_close(torch.cat([first, second]), whole)
    torch.testing.assert_close(end[0].values[0], last[0].values[0])
    assert [len(s.values) for s in end] == [1, 1, 1]
    assert [s.spike is None for s in end] == [False, False, True]


def test_a_state_may_lie_in_any_order_of_memory() -> None:
    layer, x = nn.LIF(20, 64, recurrent=True), binary(5, 4, 20)
    _, state = layer(x)
    turned = nn.State(tuple(value.T.contiguous().T for value in state.values), state.spike.T.contiguous().T)
    assert torch.equal(layer(x, turned)[0].dense(), layer(x, state)[0].dense())


def test_every_layers_output_is_there() -> None:
    net, x = network(), binary(10, 4, 20)
    outputs, end = net.layers(x)
    whole, last = net(x)
    assert torch.equal(outputs[-1], whole)
    assert torch.equal(end[1].values[0], last[1].values[0])
    first, _ = net[0](x)
    second, _ = net[1](first)
    assert torch.equal(outputs[0].dense(), first.dense())
    assert torch.equal(outputs[1].dense(), second.dense())
    (gradient,) = torch.autograd.grad(whole.sum() + outputs[0].active.sum(), net[0].weight)
    assert bool(gradient.any())


@pytest.mark.parametrize("cut", [True, False])
def test_a_detached_state_truncates(cut: bool) -> None:
    net, x = network(), binary(10, 4, 20)
    _, state = net(x[:4])
    held = [s.values[0] for s in state]
    out, _ = net(x[4:], state.detach() if cut else state)
    reached = torch.autograd.grad(out.sum(), held, allow_unused=True)
    assert [g is None or not bool(g.any()) for g in reached] == [cut] * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s[:2], "state: expected 3 states, one per layer, got 2"),
        (lambda s: [s[2], *s[1:]], "state: expected one that a layer of this kind returned, got one without spikes"),
        (lambda s: [s[1], *s[1:]], r"state: expected tensors \(4, 70\), \[B, N\], got \(4, 64\)"),
        (lambda s: [*s[:2], s[1]], r"state: expected tensors \(4, 3\), \[B, N\], got \(4, 64\)"),
    ],
)
def test_states_that_do_not_fit(change, message: str) -> None:  # type: ignore[no-untyped-def]
    net, x = network(), binary(5, 4, 20)
    _, state = net(x)
    with pytest.raises(InputError, match=message):
        net(x, change(state))


def test_a_linear_readout_hears_the_spikes_of_every_step() -> None:
    net, x = nn.Sequential(nn.LIF(20, 70), torch.nn.Linear(70, 3)), binary(5, 4, 20)
    out, state = net(x)
    torch.testing.assert_close(out, net[1](net[0](x)[0].dense()))
    out.sum().backward()
    assert bool(net[0].weight_gradient().any())
    assert state[1] is None
    assert state.detach()[1] is None
    assert "70-3 Linear" in net.explain()


def test_the_table_explains_each_layer() -> None:
    net = network()
    assert net.explain().count("no batch has come yet") == 2
    net(binary(5, 4, 20) * (torch.arange(20) < 10))
    head, *rows = net.explain().splitlines()
    assert head.split() == ["layer", "activity", "route", "why", "keeps"]
    assert len(rows) == len(net) == 3
    assert rows[0].startswith("20-70 recurrent LIF")
    assert f"{net[0].last_activity:.2%}" in rows[0]
    assert "sparse, " in rows[0]
    assert "below the crossover" in rows[0]
    assert rows[1].startswith("70-64 feed-forward LIF")
    assert "64-3 LI readout" in rows[2]
