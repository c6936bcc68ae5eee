"""A dense layer whose ids are not listed: the same spikes, slopes of every neuron, and gradients through the raster."""

import torch
from engine import bits, gradients_of, padded, spread
from oracle import assert_as_good_as, assert_close, random_case, run_reference

from spikeloom import ops
from spikeloom.neurons import equations
from spikeloom.nn.blocked import to_blocks, to_matrix
from spikeloom.surrogates import SuperSpike

Results = dict[str, torch.Tensor]


def run(gpu: str, low: bool = False) -> tuple[Results, Results, Results]:
    """A layer of 65 neurons without lists, and what the reference makes of it in float32 and float64."""
    case = random_case(steps=8, batch=2, inputs=30, bias=True, per_neuron=True, surrogate=SuperSpike(1.0))
    leaves = {name: x.detach().to(gpu).requires_grad_() for name, x in gradients_of(case).items()}
    parameters = torch.stack([padded(leaves[name]) for name in case.neuron.names])
    current = ops.currents(case.x.float().to(gpu), to_blocks(leaves["weight"]), low)
    text = equations(case.neuron, case.neuron.names).text
    depth = spread(case.depth, 65).to(gpu)
    *scanned, raster = ops.feedforward_dense(
        current, padded(leaves["bias"]), parameters, depth, None, None, 8, 65, text, case.surrogate.spec, 0, 0, False
    )
    out = ops.Scanned(*scanned)
    d_state = torch.stack([padded(d.float()) for d in case.d_states]).to(gpu)
    d_raster = padded(case.d_spikes.float()).to(gpu).to(raster.dtype)
    torch.autograd.backward([raster, out.last_state], [d_raster, d_state])
    got = {"spikes": raster[:, :, :65], "bits": bits(out.spikes, 8, 65).float(), "counts": out.spike_count}
    got |= {f"d_{name}": leaf.grad for name, leaf in leaves.items()}
    assert out.ids.numel() == out.active.numel() == 0
    results = {name: x.detach().cpu() for name, x in got.items() if x is not None}
    return results, run_reference(case.to(torch.float32)), run_reference(case)


def test_as_good_as_the_reference(gpu: str) -> None:
    got, want32, want64 = run(gpu)
    assert_close(got["spikes"], want32["spikes"], kind="exact")
    assert_close(got.pop("bits"), got.pop("spikes"), kind="exact")
    assert torch.equal(got.pop("counts").view(2, 8).T, want32["spikes"].sum(2).int())
    for name, value in got.items():
        assert_as_good_as(value, want32[name], want64[name], name)


def test_products_in_bfloat16(gpu: str) -> None:
    """Rounded weights flip a spike here and there; gradients stay within what bfloat16 rounds off."""
    got, want, _ = run(gpu, low=True)
    assert got["spikes"].dtype is torch.bfloat16
    flipped = (got["spikes"].float() != want["spikes"]).float().mean()
    assert flipped < 0.02
    error = (got["d_weight"] - want["d_weight"]).norm() / want["d_weight"].norm()
    assert error < 0.2


def test_lists_are_made_when_asked_for(gpu: str) -> None:
    case = random_case(steps=6, batch=2, inputs=30)
    weight = to_blocks(case.weight.float()).to(gpu)
    text = equations(case.neuron, ()).text
    parameters = torch.stack([spread(x, 65) for x in case.parameters]).to(gpu)
    current = ops.currents(case.x.float().to(gpu), weight, False)
    arguments = (None, parameters, spread(case.depth, 65).to(gpu), None, None, 6, 65, text, "SuperSpike(10.0)", 0, 0)
    *scanned, raster = ops.feedforward_dense(current, *arguments, False)
    listed = ops.Scanned(*ops.feedforward_dense(current, *arguments, True)[:-1])
    left = ops.Scanned(*scanned)
    raster = raster.detach().requires_grad_()
    active, ids, row_start = ops.listed(raster, left.spikes, left.near, 0)
    assert torch.equal(ids, listed.ids)
    assert torch.equal(row_start, listed.row_start)
    assert torch.equal(active, listed.active)
    active.backward(torch.arange(1.0, len(ids) + 1, device=ids.device))
    assert int((raster.grad != 0).sum()) == len(ids)
    assert to_matrix(weight, 65, 30).shape == (65, 30)
