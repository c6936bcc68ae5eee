"""Layers under torch.autocast: weights read in bfloat16, everything else float32."""

from contextlib import AbstractContextManager, nullcontext

import pytest
import torch
from engine import as_packed
from torch import Tensor

from spikeloom import nn, ops

Results = dict[str, Tensor]
OFF = {
    "off": nullcontext,
    "disabled": lambda: torch.autocast("cpu", torch.bfloat16, enabled=False),
    "float16": lambda: torch.autocast("cpu", torch.float16),
}


def autocast() -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16)


def network(*, packed: bool = False, **settings: bool | str) -> nn.Sequential:
    """Two layers and a readout; weights that `ops.shadow` leaves as they are where `packed`."""
    torch.manual_seed(0)
    settings = {"sparse": True} | settings
    net = nn.Sequential(nn.LIF(40, 130, bias=True, **settings), nn.LIF(130, 70, **settings), nn.LI(70, 5))  # type: ignore[arg-type]
    nn.init.scale_to_activity_(net, batch(), 0.15)
    for layer in list(net)[:2] if packed else ():
        layer.load_weight_matrix(as_packed(layer.weight_matrix()))
    return net


def batch() -> Tensor:
    return (torch.rand(12, 6, 40, generator=torch.Generator().manual_seed(1)) < 0.2).float()


def run(net: nn.Sequential, context: AbstractContextManager[None]) -> Results:
    """The readout, all spikes and states, and all gradients; the backward pass is outside the context."""
    net.zero_grad()
    found, x = {}, batch()
    with context:
        for number, layer in enumerate(net):
            x, state = layer(x)
            found |= {f"{number}.state.{i}": value.detach() for i, value in enumerate(state.values)}
            found[f"{number}.out"] = (x if isinstance(x, Tensor) else x.dense()).detach()
    x.square().sum().backward()
    return found | {name: p.grad for name, p in net.named_parameters() if p.grad is not None}


def assert_same(got: Results, want: Results) -> None:
    assert set(got) == set(want)
    for name, value in want.items():
        assert got[name].dtype is torch.float32, name
        assert torch.equal(got[name], value), name


def test_weights_that_need_no_rounding_give_the_same_bits() -> None:
    net = network(packed=True)
    got, want = run(net, autocast()), run(net, nullcontext())
    assert_same(got, want)
    assert 0 < float(want["1.out"].mean()) < 1
    assert bool((want["0.weight"] != 0).any())


def test_sixteenths_in_the_low_halves_need_no_rounding() -> None:
    """Of each 32 neurons the first 16 are in the low halves; without the others these hold bfloat16 as it is."""
    layer = nn.LIF(40, 130, threshold=1.0, sparse=True)
    matrix = torch.randint(-16, 17, (130, 40), generator=torch.Generator().manual_seed(0)) / 16
    matrix[torch.arange(130) % 32 >= 16] = 0
    layer.load_weight_matrix(matrix)
    readout = nn.Sequential(layer, nn.LI(130, 5))
    got, want = run(readout, autocast()), run(readout, nullcontext())
    assert_same(got, want)
    assert bool(want["0.out"].any())


def test_other_weights_are_rounded_to_half_a_unit() -> None:
    """The currents of one step, in the membranes of neurons that cannot spike."""
    torch.manual_seed(0)
    layer = nn.LIF(40, 130, threshold=1000.0, sparse=True)
    x = batch()[:1]
    want = layer(x)[1].values[0]
    with autocast():
        got = layer(x)[1].values[0]
    assert not torch.equal(got, want)
    gain = float(layer.value("gain").max()) if "gain" in layer.neuron.names else 1.0
    sizes = x[0] @ layer.weight_matrix().abs().T * gain
    assert bool(((got - want).abs() <= (2**-8 + 1e-5) * sizes).all())


def test_the_weights_and_their_gradients_are_float32() -> None:
    net = network()
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    results = run(net, autocast())
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter, before[name]), name
        assert results[name].dtype is torch.float32, name
    assert not torch.equal(results["0.out"], run(net, nullcontext())["0.out"]), "weights are rounded"


def test_a_backward_pass_inside_is_the_one_outside() -> None:
    net = network()
    want = run(net, autocast())
    net.zero_grad()
    with autocast():
        net(batch())[0].square().sum().backward()
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter.grad, want[name]), name  # type: ignore[arg-type]


@pytest.mark.parametrize("name", OFF)
def test_without_bfloat16_nothing_is_rounded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = network()
    want = run(net, nullcontext())

    def refuse(weight: Tensor) -> Tensor:
        raise AssertionError("no shadow is wanted")

    monkeypatch.setattr(ops, "shadow", refuse)
    assert_same(run(net, OFF[name]()), want)


def test_weights_between_neurons_that_need_no_rounding_give_the_same_bits() -> None:
    net = network(packed=True, recurrent=True)
    for layer in list(net)[:2]:
        layer.load_recurrent_matrix(as_packed(torch.randn(2 * [layer.out_features]) / layer.out_features**0.5))
    got, want = run(net, autocast()), run(net, nullcontext())
    assert_same(got, want)
    assert bool((want["0.recurrent_weight"] != 0).any())


@pytest.mark.parametrize(
    "settings",
    [{"sparse": False}, {"recurrent": True}, {"sparse": False, "recurrent": True}],
    ids=["dense", "recurrent", "dense_recurrent"],
)
def test_every_route_takes_autocast(settings: dict[str, bool]) -> None:
    """What it computes is of float32 and near; a backward pass inside is the one outside."""
    net = network(**settings)
    plain, outside = run(net, nullcontext()), run(net, autocast())
    for name, value in outside.items():
        assert value.dtype is torch.float32, name
        assert value.shape == plain[name].shape, name
        assert bool(value.isfinite().all()), name
    net.zero_grad()
    with autocast():
        net(batch())[0].square().sum().backward()
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter.grad, outside[name]), name  # type: ignore[arg-type]
