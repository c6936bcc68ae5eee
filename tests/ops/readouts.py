"""Readouts small enough for tests, through the operators and through the reference."""

import torch
from engine import padded, windowed
from torch import Tensor

from spikeloom import Spikes, ops, reference
from spikeloom.neurons import equations, li
from spikeloom.nn.blocked import to_blocks


def numbers(*shape: int, seed: int) -> Tensor:
    return (torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) - 0.5).double()


def problem(*, inputs: int, outputs: int, batch: int, steps: int, seed: int, bias: bool = True) -> dict[str, Tensor]:
    """A readout's inputs and the loss's gradients by its outputs, float64 with values that float32 holds too."""
    made = {
        "x": (numbers(steps, batch, inputs, seed=seed) > 0.3).double(),
        "weight": numbers(outputs, inputs, seed=seed + 1),
        "state": numbers(batch, outputs, seed=seed + 2),
        "beta": numbers(outputs, seed=seed + 3).abs() + 0.4,
        "gain": numbers(outputs, seed=seed + 4) + 1,
        "d_out": numbers(steps, batch, outputs, seed=seed + 5),
        "d_state": numbers(batch, outputs, seed=seed + 6),
    }
    if bias:
        made["bias"] = numbers(outputs, seed=seed + 7)
    return {name: value.float().double() for name, value in made.items()}


def run_reference(given: dict[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    given = {name: value.to(dtype) for name, value in given.items()}
    names = ("x", "weight", "bias", "state", "beta", "gain")
    leaves = {name: given[name].clone().requires_grad_() for name in names if name in given}
    out, last = reference.readout(
        leaves["x"], leaves["weight"], leaves.get("bias"), leaves["state"], beta=leaves["beta"], gain=leaves["gain"]
    )
    torch.autograd.backward([out, last], [given["d_out"], given["d_state"]])
    gradients = {f"d_{name}": leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
    return {"out": out.detach(), "last": last.detach(), **gradients}


def run_operator(given: dict[str, Tensor], *, sparse: bool) -> dict[str, Tensor]:
    given = {name: value.float() for name, value in given.items()}
    steps, batch, _ = given["x"].shape
    outputs = len(given["weight"])
    names = ("weight", "bias", "state", "beta", "gain")
    leaves = {name: given[name].clone().requires_grad_() for name in names if name in given}
    x: Spikes | Tensor = windowed(given["x"], torch.ones_like(given["x"]).bool()) if sparse else given["x"].clone()
    source = x.active if isinstance(x, Spikes) else x
    source.requires_grad_()
    weight = to_blocks(leaves["weight"])
    bias = padded(leaves["bias"]) if "bias" in leaves else None
    parameters = torch.stack([padded(leaves["beta"]), padded(leaves["gain"])])
    neuron = equations(li.neuron(), ("beta", "gain")).text
    layer = (bias, parameters, padded(leaves["state"])[None], outputs, steps, neuron)
    if isinstance(x, Spikes):
        rows = (x.ids, x.row_start, x.spike_count, x.active)
        out, last, _ = ops.readout(*rows, weight, *layer)
    else:
        out, last, _ = ops.readout_dense(ops.currents(x, weight, False), *layer)
    torch.autograd.backward([out, last], [given["d_out"], padded(given["d_state"])[None]])
    assert source.grad is not None
    d_x = source.grad
    if isinstance(x, Spikes):
        dense = torch.zeros(steps * batch, x.neurons).index_put((x.rows(), x.ids.long()), d_x)
        d_x = dense.view(batch, steps, -1).transpose(0, 1)
    gradients = {f"d_{name}": leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}
    return {"out": out.detach(), "last": last.detach()[0, :, :outputs], "d_x": d_x, **gradients}
