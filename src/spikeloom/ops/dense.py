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


def currents(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`[N / 64, R, 64]` from rows `[R, I]` and weights `[N / 64, I, 64]`."""
    out = x.new_empty(weight.shape[0], x.shape[0], weight.shape[2])
    for rows, block in zip(out, weight, strict=True):
        torch.mm(x, block, out=rows)
    return out if bias is None else out.add_(bias.view(-1, 1, weight.shape[2]))


def weight_gradient(x: Tensor, d_current: Tensor) -> Tensor:
    """`[N / 64, I, 64]` from rows `[R, I]` and gradients by the currents `[N / 64, R, 64]`."""
    out = x.new_empty(d_current.shape[0], x.shape[1], d_current.shape[2])
    for rows, block in zip(out, d_current, strict=True):
        torch.mm(x.T, block, out=rows)
    return out


def input_gradient(d_current: Tensor, weight: Tensor) -> Tensor:
    """Rows `[R, I]` from gradients by the currents `[N / 64, R, 64]`."""
    out = weight.new_zeros(d_current.shape[1], weight.shape[1])
    for rows, block in zip(d_current, weight, strict=True):
        out.addmm_(rows, block.T)
    return out


def stored(current: Tensor) -> tuple[object, int]:
    """What a `Stored` source or a `Written` sink holds: the flat array, and how many rows a block has."""
    return flat(current), current.shape[1]
