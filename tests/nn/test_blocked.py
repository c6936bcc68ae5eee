"""Weights are seen as matrices [out, in], whatever the inner layout: loading, gradients, state dict, safetensors."""

import copy
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from spikeloom import InputError, nn
from spikeloom.nn.blocked import to_blocks, to_matrix

SIZES = [(1, 1), (30, 70), (65, 64), (20, 130)]


def binary(*shape: int, seed: int = 0, activity: float = 0.3) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) < activity).float()


def run(layer: torch.nn.Module, x: Tensor) -> None:
    out, _ = layer(x)
    (out if isinstance(out, Tensor) else out.active).sum().backward()


@pytest.mark.parametrize(("inputs", "outputs"), SIZES)
def test_blocks_and_back(inputs: int, outputs: int) -> None:
    matrix = torch.randn(outputs, inputs)
    blocks = to_blocks(matrix)
    assert blocks.shape == (-(-outputs // 64), inputs, 64)
    assert blocks[outputs // 65, inputs - 1, (outputs - 1) % 64] == matrix[-1, -1]
    assert torch.equal(to_matrix(blocks, outputs, inputs), matrix)
    assert float(blocks.sum()) == pytest.approx(float(matrix.sum()), abs=1e-3)


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize(("inputs", "outputs"), SIZES)
def test_loaded_matrices_come_back(inputs: int, outputs: int, sparse: bool) -> None:
    layer = nn.LIF(inputs, outputs, recurrent=True, sparse=sparse)
    matrix, inner = torch.randn(outputs, inputs), torch.randn(outputs, outputs)
    run(layer, binary(3, 2, inputs))
    layer.load_weight_matrix(matrix)
    layer.load_recurrent_matrix(inner)
    assert torch.equal(layer.weight_matrix(), matrix)
    assert torch.equal(layer.recurrent_matrix(), inner)
    layer.weight_matrix().zero_()
    assert torch.equal(layer.weight_matrix(), matrix), "what comes out is a copy"


def test_a_matrix_acts_as_one_would_expect() -> None:
    """Weight [out, in]: neuron i hears input j by weight[i, j]; recurrent [out, out]: neuron i hears neuron j."""
    layer = nn.LIF(3, 70, recurrent=True, threshold=1.0)
    weight, inner = torch.zeros(70, 3), torch.zeros(70, 70)
    weight[5, 2] = weight[69, 0] = 1.0
    inner[7, 5] = inner[0, 69] = 1.0
    layer.load_weight_matrix(weight)
    layer.load_recurrent_matrix(inner)
    x = torch.zeros(3, 2, 3)
    x[0, 0, 2] = x[0, 1, 0] = 1.0
    spikes = layer(x)[0].dense()
    assert spikes.nonzero().tolist() == [[0, 0, 5], [0, 1, 69], [1, 0, 7], [1, 1, 0]]


@pytest.mark.parametrize("sparse", [True, False])
def test_gradients_are_matrices(sparse: bool) -> None:
    layer = nn.LI(20, 70, beta=0.0, gain=2.0, bias=True)
    assert layer.weight_gradient() is None
    x = binary(4, 3, 20)
    out, _ = layer(x if sparse else x.clone().requires_grad_())
    d_out = torch.randn(4, 3, 70)
    out.backward(d_out)
    gradient = layer.weight_gradient()
    assert gradient is not None
    torch.testing.assert_close(gradient, 2 * torch.einsum("tbn,tbi->ni", d_out, x))
    assert layer.bias is not None
    assert layer.bias.grad is not None
    torch.testing.assert_close(layer.bias.grad, 2 * d_out.sum((0, 1)))


def test_recurrent_gradient_is_a_matrix() -> None:
    layer = nn.LIF(20, 70, recurrent=True, gain=0.5)
    assert layer.recurrent_gradient() is None
    run(layer, binary(6, 3, 20))
    gradient = layer.recurrent_gradient()
    assert gradient is not None
    assert gradient.shape == (70, 70)
    heard = layer(binary(6, 3, 20))[0].dense()[:-1].sum((0, 1)) > 0
    assert bool((gradient[:, ~heard] == 0).all()), "no gradient from a neuron that never spiked"
    assert bool((gradient[:, heard] != 0).any())


def test_the_bias_is_a_vector_or_none() -> None:
    assert nn.LIF(3, 5).bias is None
    layer = nn.LIF(3, 70, bias=True)
    assert layer.bias is not None
    assert layer.bias.shape == (70,)
    with torch.no_grad():
        layer.bias[:] = torch.linspace(0.1, 2.0, 70)
    spikes = layer(torch.zeros(1, 1, 3))[0].dense()[0, 0]
    assert torch.equal(spikes, (layer.bias >= 1).float())


@pytest.mark.parametrize("name", ["weight", "recurrent"])
def test_matrices_that_do_not_fit(name: str) -> None:
    layer = nn.LIF(3, 5, recurrent=True)
    load = getattr(layer, f"load_{name}_matrix")
    with pytest.raises(InputError, match=rf"{name}\w*: expected a matrix \(5, .\), \[out, in\], got \(4, 3\)"):
        load(torch.zeros(4, 3))


@pytest.mark.parametrize("method", ["recurrent_matrix", "recurrent_gradient"])
def test_no_recurrent_weights_in_a_feed_forward_layer(method: str) -> None:
    with pytest.raises(InputError, match="layer: expected one made with recurrent=True, got a feed-forward one"):
        getattr(nn.LIF(3, 5), method)()
    with pytest.raises(InputError, match="recurrent=True"):
        nn.LIF(3, 5).load_recurrent_matrix(torch.zeros(5, 5))


def test_the_state_dict_is_logical_and_the_same_on_either_route() -> None:
    sparse = nn.LIF(20, 130, recurrent=True, bias=True, sparse=True)
    dense = copy.deepcopy(sparse)
    dense.sparse = False
    for layer in (sparse, dense):
        run(layer, binary(3, 2, 20))
    assert sparse.weight.stride() != dense.weight.stride()
    got, want = dense.state_dict(), sparse.state_dict()
    assert list(got) == list(want)
    for name in want:
        assert torch.equal(got[name], want[name]), name
    shapes = {name: tuple(want[name].shape) for name in ("weight", "recurrent_weight", "bias")}
    assert shapes == {"weight": (130, 20), "recurrent_weight": (130, 130), "bias": (130,)}
    assert torch.equal(want["weight"], sparse.weight_matrix())


@pytest.mark.parametrize("sparse", [True, False])
def test_safetensors_round_trip(tmp_path: Path, sparse: bool) -> None:
    def network() -> nn.Sequential:
        return nn.Sequential(nn.LIF(20, 70, recurrent=True, bias=True, sparse=sparse), nn.LI(70, 5))

    net, other, x = network(), network(), binary(5, 3, 20)
    want = net(x)[0]
    save_file(net.state_dict(), tmp_path / "model.safetensors")
    assert not torch.equal(other(x)[0], want)
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert torch.equal(other(x)[0], want)


def test_a_state_dict_of_another_network() -> None:
    with pytest.raises(RuntimeError, match=r"0.weight: expected \(5, 4\), \[out, in\], got \(5, 3\)"):
        nn.Sequential(nn.LIF(4, 5)).load_state_dict(nn.Sequential(nn.LIF(3, 5)).state_dict())
    with pytest.raises(RuntimeError, match="Missing key.*recurrent_weight"):
        nn.LIF(3, 5, recurrent=True).load_state_dict(nn.LIF(3, 5).state_dict())
