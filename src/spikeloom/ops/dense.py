"""The dense route: products over all time steps and samples at once, beside the same scans of the neurons.

The gradients by the currents are a dense tensor here, the one that the sparse route never makes.
"""

import torch
from torch import Tensor

from spikeloom.ops.arrays import flat


def by_rows(x: Tensor) -> Tensor:
    """`[T, B, I]` to sample-major rows `[B * T, I]`."""
    return x.transpose(0, 1).reshape(-1, x.shape[2])


def by_steps(rows: Tensor, steps: int) -> Tensor:
    """Sample-major rows `[B * T, I]` to `[T, B, I]`, contiguous."""
    return rows.view(-1, steps, rows.shape[1]).transpose(0, 1).contiguous()


def columns(weight: Tensor) -> Tensor:
    """`[I, N]` from `[N / 64, I, 64]`: a view where whole rows lie together, as a layer on this route lays its weights
    out; else a copy."""
    return weight.transpose(0, 1).reshape(weight.shape[1], -1)


def in_float32() -> torch.autocast:
    """Under torch.autocast torch's products would be in 16 bits, which no kernel takes."""
    return torch.autocast("cpu", enabled=False)


def currents(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`[R, N]` from rows `[R, I]` and weights `[N / 64, I, 64]`."""
    with in_float32():
        return torch.mm(x, columns(weight)) if bias is None else torch.addmm(bias, x, columns(weight))


def weight_gradient(x: Tensor, d_current: Tensor, weight: Tensor) -> Tensor:
    """`[N / 64, I, 64]`, laid out as the weights are, from rows `[R, I]` and gradients by the currents `[R, N]`."""
    with in_float32():
        return as_weights(torch.mm(x.T, d_current), weight)


def as_weights(columns: Tensor, weight: Tensor) -> Tensor:
    """`[I, N]` as `[N / 64, I, 64]`, laid out as the weights are."""
    blocks = columns.view(columns.shape[0], *weight.shape[::2]).transpose(0, 1)
    return blocks.contiguous() if weight.is_contiguous() else blocks


def input_gradient(d_current: Tensor, weight: Tensor) -> Tensor:
    """Rows `[R, I]` from gradients by the currents `[R, N]`."""
    with in_float32():
        return torch.mm(d_current, columns(weight).T)


def stored(current: Tensor) -> tuple[object, int]:
    """What a `Stored` source or a `Written` sink holds: the flat array, and how long its rows are."""
    return flat(current), current.shape[1]
