"""The module of spiking neurons: its settings, the cap, copies, and that no weight is copied in a step."""

import copy
import importlib
import io
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from spikeloom import InputError, nn
from spikeloom.nn import LIF
from spikeloom.surrogates import Arctan


def binary(*shape: int, seed: int = 0, activity: float = 0.3) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < activity).float()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta": 1.1}, "beta: expected numbers from 0 to 1, got 1.1"),
        ({"beta": -0.1}, "beta: expected numbers from 0 to 1, got -0.1"),
        ({"beta": torch.ones(3)}, r"beta: expected a number or 5 of them, one per neuron, got \(3,\)"),
        ({"beta": math.nan}, "beta: expected numbers, got NaN"),
        ({"beta": 0.9, "tau_ms": 5.0, "dt_ms": 1.0}, "beta: expected beta or tau_ms, got both; give one of them"),
        ({"tau_ms": 5.0}, "dt_ms: expected the length of a step beside tau_ms, above 0, got None"),
        ({"tau_ms": 5.0, "dt_ms": 0.0}, "dt_ms: expected the length of a step beside tau_ms, above 0, got 0.0"),
        ({"tau_ms": 0.0, "dt_ms": 1.0}, "tau_ms: expected numbers above 0, got 0.0"),
        (
            {"dt_ms": 1.0},
            "dt_ms: expected a time constant beside it, got dt_ms alone; give a time constant in ms, or leave",
        ),
        ({"threshold": torch.ones(5, requires_grad=True)}, "threshold: expected a number or a tensor without gradient"),
        ({"threshold": math.nan}, "threshold: expected numbers, got NaN"),
        ({"second_threshold": 1.5}, "second_threshold: expected at most the threshold, got 1.5"),
        ({"gain": torch.ones(5, 1)}, r"gain: expected a number or 5 of them, one per neuron, got \(5, 1\)"),
        ({"reset": "half"}, "reset: expected .*got .*half"),
        ({"sparse": "no"}, "sparse: expected True, False or \"auto\", got 'no'"),
        ({"max_activity": 0.0}, "max_activity: expected None or a number above 0 and up to 1, got 0.0"),
        ({"max_activity": 1.5}, "max_activity: expected None or a number above 0 and up to 1, got 1.5"),
        ({"max_activity": math.nan}, "max_activity: expected None or a number above 0 and up to 1, got nan"),
    ],
)
def test_settings_out_of_range(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LIF(4, 5, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, -1, 2.5, "3"])
@pytest.mark.parametrize("kind", [nn.LIF, nn.LI])
def test_sizes_are_whole_numbers(size: object, kind: type) -> None:
    with pytest.raises(InputError, match="in_features: expected a whole number above 0, got "):
        kind(size, 5)
    with pytest.raises(InputError, match="out_features: expected a whole number above 0, got "):
        kind(5, size)


def test_a_time_constant_gives_beta() -> None:
    assert float(LIF(4, 5, tau_ms=20.0, dt_ms=1.0).beta) == pytest.approx(math.exp(-1 / 20))
    tau = torch.tensor([5.0, 10.0])
    torch.testing.assert_close(nn.LI(4, 2, tau_ms=tau, dt_ms=2.0).beta, torch.exp(-2 / tau))
    assert float(LIF(4, 5).beta) == pytest.approx(0.95)


@pytest.mark.parametrize("reset", ["zero", "subtract", "none"])
@pytest.mark.parametrize("sparse", [True, False])
def test_settings_reach_the_neurons(reset: str, sparse: bool) -> None:
    """Two neurons of unlike settings, driven by a constant bias, step by step against the equations."""
    beta, threshold, gain = torch.tensor([0.5, 0.75]), torch.tensor([1.0, 1.5]), torch.tensor([1.0, 2.0])
    layer = LIF(1, 2, beta=beta, threshold=threshold, gain=gain, reset=reset, bias=True, sparse=sparse)
    assert layer.bias is not None
    torch.nn.init.constant_(layer.bias, 0.5)
    spikes, state = layer(torch.zeros(12, 1, 1))
    u, s = torch.zeros(2), torch.zeros(2)
    for step in range(12):
        kept = {"zero": u * (1 - s), "subtract": u - threshold * s, "none": u}[reset]
        u = beta * kept + gain * 0.5
        s = (u >= threshold).float()
        assert torch.equal(spikes.dense()[step, 0], s), step
    torch.testing.assert_close(state.values[0][0], u)
    assert torch.equal(state.spike[0], s)


def test_the_window_and_the_surrogate_set_the_gradient() -> None:
    layer = LIF(1, 3, beta=0.0, second_threshold=0.9, bias=True, surrogate=Arctan(3.0))
    membrane = torch.tensor([0.85, 0.95, 1.05])
    assert layer.bias is not None
    layer.bias.data.copy_(membrane)
    layer(torch.zeros(1, 1, 1))[0].dense().sum().backward()
    expected = Arctan(3.0).derivative(membrane - 1)
    expected[0] = 0
    assert layer.bias.grad is not None
    torch.testing.assert_close(layer.bias.grad, expected)


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("recurrent", [True, False])
def test_the_cap_and_what_it_dropped(sparse: bool, recurrent: bool) -> None:
    open_layer = LIF(20, 100, threshold=0.2, second_threshold=0.1, sparse=sparse, recurrent=recurrent)
    layer = copy.deepcopy(open_layer)
    layer.max_activity = 0.1
    assert (layer.limit, open_layer.limit) == (10, 0)
    x = binary(6, 3, 20)
    (free, free_state), (capped, state) = open_layer(x), layer(x)
    sizes, wanted = capped.row_start.diff(), free.row_start.diff()
    assert torch.equal(sizes, wanted.clamp(max=10))
    assert layer.dropped == int((wanted - sizes).sum()) > 0
    assert open_layer.dropped == 0
    assert torch.equal(state.spike, free_state.spike), "the neurons reset by all their spikes"
    assert layer.last_activity == pytest.approx(int(capped.spike_count.sum()) / (6 * 3 * 100))
    assert layer.last_activity < open_layer.last_activity


def test_the_cap_draws_from_torchs_seed() -> None:
    layer, x = LIF(20, 100, threshold=0.2, second_threshold=0.1, max_activity=0.1), binary(6, 3, 20)

    def ids(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return layer(x)[0].ids

    assert torch.equal(ids(1), ids(1))
    assert not torch.equal(ids(1), ids(2))


@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
@pytest.mark.parametrize("sparse", [True, False])
def test_copies_compute_the_same(way: str, recurrent: bool, sparse: bool) -> None:
    net = nn.Sequential(LIF(20, 130, recurrent=recurrent, bias=True, sparse=sparse), nn.LI(130, 3))
    x = binary(5, 2, 20)
    want, _ = net(x)
    want.sum().backward()
    if way == "deepcopy":
        other = copy.deepcopy(net)
    else:
        file = io.BytesIO()
        torch.save(net, file)
        file.seek(0)
        other = torch.load(file, weights_only=False)
    assert torch.equal(other(x)[0], want)
    assert other[0].weight.stride() == net[0].weight.stride()
    torch.nn.init.zeros_(other[0].weight)
    assert torch.equal(net(x)[0], want)


@pytest.mark.parametrize("recurrent", [True, False])
def test_sparse_kernels_read_the_parameters_own_memory(recurrent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = LIF(20, 130, recurrent=recurrent, sparse=True)
    module = importlib.import_module("spikeloom.ops.recurrent" if recurrent else "spikeloom.ops.scans")
    seen: list[int] = []

    def flat(x: Tensor) -> np.ndarray:
        seen.append(original(x).ctypes.data)
        return original(x)

    original = module.flat
    monkeypatch.setattr(module, "flat", flat)
    step(layer, binary(4, 2, 20))
    wanted = [layer.weight] + ([layer.recurrent_weight] if recurrent else [])
    for parameter in wanted:
        assert seen.count(parameter.data_ptr()) >= 2, "forward and backward"  # type: ignore[union-attr]


@pytest.mark.parametrize("recurrent", [True, False])
def test_dense_products_read_the_parameters_own_memory(recurrent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = LIF(20, 130, recurrent=recurrent, sparse=False)
    seen: list[int] = []
    for name in ("dense", "recurrent"):
        module = importlib.import_module(f"spikeloom.ops.{name}")

        def columns(weight: Tensor, original=module.columns) -> Tensor:  # type: ignore[no-untyped-def]
            seen.append(original(weight).data_ptr())
            return original(weight)

        monkeypatch.setattr(module, "columns", columns)
    step(layer, binary(4, 2, 20).requires_grad_())
    assert seen == [layer.weight.data_ptr()] * 3, "two forward passes and the input's gradient"
    assert layer.weight.grad is not None
    assert layer.weight.grad.stride() == layer.weight.stride(), "the optimiser's pass is one stream"


def step(layer: LIF, x: Tensor) -> None:
    """A whole training step; the first lays the weights out."""
    layer(x)
    before = layer.weight.data_ptr()
    optimizer = torch.optim.Adam(layer.parameters(), fused=True)
    layer(x)[0].active.sum().backward()
    optimizer.step()
    assert layer.weight.data_ptr() == before
