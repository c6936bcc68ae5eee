"""The dense route's products, to the bit where sums are exact, and its scans on currents in bfloat16."""

from functools import partial

import pytest
import torch
from engine import padded, spread, windowed
from torch import Tensor

from spikeloom import Spikes, nn, ops
from spikeloom.neurons import equations, li, lif
from spikeloom.nn.blocked import to_blocks, to_matrix
from spikeloom.ops.dense import by_steps
from spikeloom.surrogates import SuperSpike

SIZES = [(3, 2, 5, 4), (1, 1, 1, 1), (70, 2, 33, 65), (9, 8, 130, 64), (64, 1, 65, 130)]  # T, B, I, N
every_size = pytest.mark.parametrize(("steps", "batch", "inputs", "neurons"), SIZES)
both_types = pytest.mark.parametrize("low", [False, True], ids=["float32", "bfloat16"])
both_layouts = pytest.mark.parametrize("dense_rows", [False, True], ids=["blocks", "whole_rows"])
both_orders = pytest.mark.parametrize("by_sample", [False, True], ids=["by_step", "by_sample"])


def dyadic(*shape: int, seed: int, size: int) -> Tensor:
    """Whole numbers of either sign, whose few products and sums bfloat16 holds as they are."""
    return torch.randint(-size, size + 1, shape, generator=torch.Generator().manual_seed(seed)).float()


def weights(neurons: int, inputs: int, *, dense_rows: bool) -> tuple[Tensor, Tensor]:
    """A matrix `[N, I]` with at most four entries an input, and a leaf of blocks in either layout."""
    matrix = dyadic(neurons, inputs, seed=1, size=2) * (torch.arange(inputs) < 16)
    blocks = to_blocks(matrix)
    if dense_rows:
        blocks = blocks.transpose(0, 1).contiguous().transpose(0, 1)
    return matrix, blocks.requires_grad_()


def upstream(steps: int, batch: int, neurons: int) -> Tensor:
    """Gradients by the currents, few enough for exact sums."""
    some = torch.rand(steps, batch, neurons, generator=torch.Generator().manual_seed(3)) < 20 / (
        steps * batch * neurons
    )
    return dyadic(steps, batch, neurons, seed=4, size=2) * some


def assert_products(current: Tensor, x: Tensor, matrix: Tensor, blocks: Tensor, *, low: bool) -> Tensor:
    """Hold currents and the gradient by the weights to the products of `[T, B, I]` and `[N, I]`; gives that by `x`."""
    neurons, inputs = matrix.shape
    assert current.dtype is (torch.bfloat16 if low else torch.float32)
    assert torch.equal(current[..., :neurons].float(), x @ matrix.T)
    assert not bool(current[..., neurons:].any())
    d = upstream(*x.shape[:2], neurons)
    current.backward(padded(d).to(current.dtype))
    assert blocks.grad is not None
    assert blocks.grad.stride() == blocks.stride(), "the optimiser's pass is one stream"
    assert torch.equal(to_matrix(blocks.grad, neurons, inputs), torch.einsum("tbn,tbi->ni", d, x))
    return d @ matrix


@every_size
@both_types
@both_layouts
def test_products_of_spikes(steps: int, batch: int, inputs: int, neurons: int, low: bool, dense_rows: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(steps, batch, inputs, generator=generator) < 0.3).float()
    spikes = windowed(x, torch.rand(x.shape, generator=generator) < 0.3)
    active = spikes.active.requires_grad_()
    matrix, blocks = weights(neurons, inputs, dense_rows=dense_rows)
    rows = (spikes.ids, spikes.row_start, spikes.spike_count, active)
    d_x = assert_products(ops.currents_of_spikes(*rows, blocks, steps, low), x, matrix, blocks, low=low)
    assert active.grad is not None
    assert torch.equal(active.grad, d_x.transpose(0, 1).reshape(-1, inputs)[spikes.rows(), spikes.ids.long()])


@every_size
@both_types
@both_orders
def test_products_of_real_numbers(
    steps: int, batch: int, inputs: int, neurons: int, low: bool, by_sample: bool
) -> None:
    x = dyadic(steps, batch, inputs, seed=2, size=2)
    leaf = x.transpose(0, 1).contiguous().transpose(0, 1) if by_sample else x.clone()
    matrix, blocks = weights(neurons, inputs, dense_rows=True)
    d_x = assert_products(ops.currents(leaf.requires_grad_(), blocks, low), x, matrix, blocks, low=low)
    assert leaf.grad is not None
    assert torch.equal(leaf.grad, d_x)


def test_autocast_does_not_reach_into_a_product() -> None:
    """Its number type is an argument, whatever stands around the call."""
    x, (_, blocks) = torch.randn(5, 3, 20), weights(70, 20, dense_rows=True)
    want = ops.currents(x, blocks, False)
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", dtype=dtype):
            assert torch.equal(ops.currents(x, blocks, False), want)


def scan(name: str, current: Tensor) -> dict[str, Tensor]:
    """What a scan makes of currents `[T, B, N]` of 70 neurons, and its gradients."""
    leaf, size = current.detach().requires_grad_(), current.shape[2]
    steps = len(current)
    bias = torch.full((size,), 0.25).requires_grad_()
    if name == "readout_dense":
        parameters = torch.stack([spread(0.9, 70), spread(1.0, 70)])
        out, *_ = ops.readout_dense(leaf, bias, parameters, None, 70, steps, equations(li.neuron()).text)
    else:
        parameters = torch.stack([spread(value, 70) for value in (0.9, 1.0, 0.5)])
        inner = (to_blocks(dyadic(70, 70, seed=5, size=2) / 16, rows=size), None) if name == "recurrent_dense" else ()
        numbers = (steps, 70, equations(lif.neuron()).text, SuperSpike(1.0).spec, 0, 0)
        operator = getattr(ops, name)
        last = (True,) if name == "feedforward_dense" else ()
        out, *_ = operator(leaf, *inner, bias, parameters, spread(-0.2, 70), None, None, *numbers, *last)
        assert out.numel() > 50
    out.backward(dyadic(*out.shape, seed=6, size=4))
    assert leaf.grad is not None
    assert bias.grad is not None
    assert leaf.grad.stride() == leaf.stride()
    return {"out": out.detach(), "d_current": leaf.grad, "d_bias": bias.grad}


@pytest.mark.parametrize("name", ["feedforward_dense", "readout_dense", "recurrent_dense"])
@both_orders
@pytest.mark.usefixtures("lanes")
def test_scans_read_and_write_bfloat16_as_it_is(name: str, by_sample: bool) -> None:
    """The same bits as from the same currents in float32, but for the rounding of the gradients by them."""
    rows = padded(torch.randn(9 * 3, 70, generator=torch.Generator().manual_seed(0))).bfloat16()
    current = by_steps(rows, 9, by_sample=by_sample)
    low, high = scan(name, current), scan(name, current.float().clone(memory_format=torch.preserve_format))
    assert low["d_current"].dtype is torch.bfloat16
    assert bool(high["d_current"].any())
    high["d_current"] = high["d_current"].bfloat16()
    for key, value in low.items():
        assert torch.equal(value, high[key]), key


@both_orders
def test_the_order_of_rows_changes_nothing(by_sample: bool) -> None:
    rows = padded(torch.randn(9, 3, 70, generator=torch.Generator().manual_seed(0)))
    whole, turned = scan("feedforward_dense", rows), rows.transpose(0, 1).contiguous().transpose(0, 1)
    for key, value in scan("feedforward_dense", turned if by_sample else rows).items():
        assert torch.equal(value, whole[key]), key


def test_ids_listed_late_are_those_listed_at_once() -> None:
    rows = padded(torch.randn(9, 3, 70, generator=torch.Generator().manual_seed(0)))
    parameters = torch.stack([spread(value, 70) for value in (0.9, 1.0, 0.5)])
    layer = (
        None,
        parameters,
        spread(-0.2, 70),
        None,
        None,
        9,
        70,
        equations(lif.neuron()).text,
        "SuperSpike(1.0)",
        0,
        0,
    )
    found = []
    for at_once in (True, False):
        leaf = rows.clone().requires_grad_()
        out = ops.feedforward_dense(leaf, *layer, at_once)
        scanned, raster = ops.Scanned(*out[:-1]), out[-1]
        late = Spikes.unlisted(
            raster, scanned.spike_count, partial(ops.listed, raster, scanned.spikes, scanned.near, len(scanned.slope)),
            steps=9, neurons=70,
        )  # fmt: skip
        lists = (scanned.active, scanned.ids, scanned.row_start, scanned.spike_count)
        with torch.no_grad():
            listed = lists if at_once else (late.active, late.ids, late.row_start, late.spike_count)
        assert torch.equal(late.dense(), raster[..., :70])
        listed[0].backward(dyadic(*listed[0].shape, seed=6, size=4))
        found.append([*(x.detach() for x in listed), leaf.grad])
    for want, got in zip(*found, strict=True):
        assert torch.equal(want, got)
    with pytest.raises(AttributeError, match="colour"):
        _ = late.colour  # type: ignore[attr-defined]


def test_a_bfloat16_layer_step_by_step_from_the_references_state() -> None:
    """Spikes flip only where the reference's margin is as near to the threshold as rounding reaches."""
    torch.manual_seed(0)
    layer = nn.LIF(300, 130, beta=0.9, sparse=False)
    x, weight = (torch.rand(30, 4, 300) < 0.2).float(), layer.weight_matrix().double()
    membrane, spike = torch.zeros(4, 130).double(), torch.zeros(4, 130).double()
    # Each weight moves by up to 2 ** -9 of itself, and the sum by as much again.
    flips = 0
    for step in x:
        state = nn.State((membrane.float(),), spike.float())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out, after = layer(step[None], state)
        current = step.double() @ weight.T
        membrane = 0.9 * membrane * (1 - spike) + current
        spike = (membrane >= 1).double()
        band = 2.0**-9 * (step.double() @ weight.abs().T + current.abs()) + 1e-5
        assert bool(((after.values[0] - membrane).abs() <= band).all())
        flipped = out.dense()[0] != spike
        assert not bool((flipped & ((membrane - 1).abs() > band)).any())
        flips += int(flipped.sum())
        assert layer.weight.dtype is torch.float32
    assert 0 < flips < 0.01 * 30 * 4 * 130
    assert "bfloat16" in layer.explain()["route"]
