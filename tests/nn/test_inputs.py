"""What layers accept, what they refuse, the routes that inputs take, and weights that are not finite."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from spikeloom import InputError, Spikes, nn

LAYERS = {"LIF": nn.LIF, "LI": nn.LI}
every_layer = pytest.mark.parametrize("kind", LAYERS.values(), ids=LAYERS)


def binary(*shape: int, activity: float = 0.3) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(0)) < activity).float()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(3, 2, 5), r"input: expected a tensor \[T, B, 4\], got \(3, 2, 5\)"),
        (torch.zeros(3, 4), r"input: expected a tensor \[T, B, 4\], got \(3, 4\)"),
        (torch.full((3, 2, 4), 0.5).double(), r"input: expected float32, got torch.float64; there is no kernel"),
        (torch.full((3, 2, 4), 0.5).half(), r"input: expected float32, got torch.float16; there is no kernel"),
        ([[0.0]], r"input: expected Spikes or a tensor \[T, B, N\], got list"),
        (Spikes.from_dense(torch.zeros(3, 2, 5)), "input: expected 4 neurons, the layer's in_features, got 5"),
        (torch.zeros(0, 2, 4), "input: expected at least one step and one sample, got T = 0, B = 2"),
        (torch.full((3, 0, 4), 0.5), "input: expected at least one step and one sample, got T = 3, B = 0"),
        (Spikes.from_dense(torch.zeros(3, 0, 4)), "input: expected at least one step and one sample, got T = 3, B = 0"),
    ],
)
@every_layer
def test_inputs_that_do_not_fit(kind: type, x: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        kind(4, 3)(x)


@pytest.mark.parametrize("id_", [-1, 20, 2**31 - 1])
@pytest.mark.parametrize("sparse", [True, False])
@every_layer
def test_ids_beyond_the_layer_never_reach_a_kernel(kind: type, sparse: bool, id_: int) -> None:
    spikes = Spikes.from_dense(binary(4, 2, 20))
    ids = spikes.ids.clone()
    ids[3] = id_
    with pytest.raises(InputError, match="ids: expected neurons from 0 to 19, got some outside of it"):
        kind(20, 70, **({"sparse": sparse} if kind is nn.LIF else {}))(replace(spikes, ids=ids))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float64, torch.float16])
@every_layer
def test_binary_inputs_of_any_type_are_spikes(kind: type, dtype: torch.dtype) -> None:
    layer, x = kind(20, 70), binary(4, 2, 20)
    want, got = layer(Spikes.from_dense(x))[0], layer(x.to(dtype))[0]
    dense = [out.dense() if isinstance(out, Spikes) else out for out in (want, got)]
    assert torch.equal(*dense)


def test_a_real_valued_input_takes_the_dense_product() -> None:
    layer = nn.LIF(20, 70)
    layer(torch.rand(4, 2, 20))
    assert layer.route is not None
    assert layer.route == (False, "the input is real-valued", False)
    layer(binary(4, 2, 20, activity=0.1))
    assert layer.route.sparse, "and later spikes choose anew"
    x = torch.rand(4, 2, 20)
    readout = nn.LI(20, 5, beta=0.0)
    torch.testing.assert_close(readout(x)[0], x @ readout.weight_matrix().T)
    with pytest.raises(InputError, match="input: expected Spikes or zeros and ones, as sparse=True demands, got real"):
        nn.LIF(20, 70, sparse=True)(x)


@pytest.mark.parametrize(("activity", "sparse"), [(0.02, True), (0.9, False)])
def test_the_first_batch_chooses_and_the_state_dict_keeps_it(activity: float, sparse: bool) -> None:
    layer, other = nn.LIF(50, 70), nn.LIF(50, 70)
    layer(binary(9, 4, 50, activity=activity))
    assert layer.route is not None
    assert (layer.route.sparse, layer.route.kept) == (sparse, True)
    other.load_state_dict(layer.state_dict())
    for net in (layer, other):
        net(binary(9, 4, 50, activity=0.92 - activity))
        assert net.route is not None
        assert net.route.sparse == sparse
    other.load_state_dict(nn.LIF(50, 70).state_dict())
    assert other.route is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("reset", ["zero", "subtract", "none"])
@pytest.mark.parametrize("sparse", [True, False])
def test_weights_that_are_not_finite_name_their_layer(value: float, reset: str, sparse: bool) -> None:
    net = nn.Sequential(nn.LIF(20, 70, reset=reset, sparse=sparse), nn.LIF(70, 66, reset=reset, sparse=sparse))
    x = binary(6, 2, 20)
    net(x)
    weight = net[1].weight_matrix()
    weight[65] = value
    net[1].load_weight_matrix(weight)
    with pytest.raises(InputError, match=r"layer 2 \(LIF 70-66\): expected finite membranes, got NaN or infinity"):
        net(x)


def test_a_readout_finds_them_too() -> None:
    net = nn.Sequential(nn.LIF(20, 70), nn.LI(70, 3))
    net[1].load_weight_matrix(torch.full((3, 70), math.nan))
    with pytest.raises(InputError, match=r"layer 2 \(LI 70-3\): expected finite membranes"):
        net(binary(6, 2, 20))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_and_so_does_torchs_linear(value: float) -> None:
    net = nn.Sequential(nn.LIF(20, 70), torch.nn.Linear(70, 3))
    net[1].weight.data.fill_(value)
    with pytest.raises(InputError, match=r"layer 2 \(Linear 70-3\): expected finite outputs, got NaN or infinity"):
        net(binary(6, 2, 20))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@every_layer
def test_weights_without_a_kernel(kind: type, dtype: torch.dtype) -> None:
    with pytest.raises(InputError, match=f"weight: expected float32, got {dtype}; there is no kernel .*call .float"):
        kind(20, 70).to(dtype)(binary(4, 2, 20))
