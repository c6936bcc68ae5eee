"""What leaves a layer of spiking neurons: see `ops.leave`."""

import torch
from torch import Tensor

from spikeloom.ops.cuda.rows import mask_of
from spikeloom.ops.select import words_of
from spikeloom.reference.cap import priority


def rows_of(spikes: Tensor, near: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`listed_rows` of bits `[N / 64, R]`; who spiked and is not among `near` does not leave."""
    inside = mask_of(near)
    return listed_rows(mask_of(spikes) & inside, inside)


def listed_rows(fired: Tensor, inside: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`active`, `ids`, `row_start` and `spike_count` of `Spikes` from masks `[R, N]` of who spiked and who was near.

    It asks the GPU how many ids there are, and waits for the answer.
    """
    entries = torch.cat([fired, inside & ~fired], 1).nonzero()  # [K, 2]
    neurons, count = fired.shape[1], fired.sum(1)
    row_start = torch.cat([count.new_zeros(1), inside.sum(1).cumsum(0)])
    active = (entries[:, 1] < neurons).float()
    return active, (entries[:, 1] % neurons).int(), row_start, count.int()


def capped(spikes: Tensor, near: Tensor, *, limit: int, seed: int) -> tuple[Tensor, Tensor]:
    """The bits of what leaves under a cap, and how many ids it drops; the choice is `reference.cap`'s."""
    inside = mask_of(near)
    rows = torch.arange(inside.shape[0], device=near.device)[:, None]
    key = priority(seed, rows, torch.arange(inside.shape[1], device=near.device))
    key = torch.where(mask_of(spikes), key, key + 2**32)
    first = torch.where(inside, key, 2**33).sort(dim=1, stable=True).indices[:, :limit]
    kept = torch.zeros_like(inside).scatter(1, first, True) & inside
    return words_of(kept), inside.sum() - kept.sum()
