"""What leaves a layer of spiking neurons: from the bits of a scan to rows of ids, with the cap on active ids."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from spikeloom.ops.arrays import array, kernels, run, unsigned

SMALL_WORDS = 1 << 15
"""So many words of bits are counted in about 40 microseconds."""


class Left(NamedTuple):
    """Rows of ids, as `Spikes` has them, with the bits that were kept and how many ids the cap dropped."""

    ids: Tensor
    row_start: Tensor
    spike_count: Tensor
    active: Tensor
    kept: Tensor
    dropped: Tensor


def capacity(max_activity: float, neurons: int) -> int:
    """How many ids a step may have under the cap: K = max(2, 2 floor(a N / 2)) (Finkbeiner et al. 2024).

    The product is rounded where it is a whole number but for its last bits: 0.58 of 100 is 58.
    """
    return max(2, 2 * math.floor(max_activity * neurons / 2 + 1e-9))


def leave(spikes: Tensor, near: Tensor, *, limit: int, seed: int) -> Left:
    """Turn bits `[N / 64, R]` (int64) into rows.

    Args:
        spikes: who spiked.
        near: who was in its window.
        limit: how many ids a row may have; 0 for no limit.
        seed: of the choice among too many.
    """
    rows = spikes.shape[1]
    kept, dropped = near, torch.zeros(rows if limit else 1, dtype=torch.int32)
    if limit:
        kept = torch.empty_like(near)
        run(
            kernels("cap").cap, unsigned(spikes), unsigned(near), limit, np.uint64(seed), unsigned(kept), array(dropped)
        )
    spike_count = torch.empty(rows, dtype=torch.int32)
    row_start = torch.zeros(rows + 1, dtype=torch.int64)
    run(
        kernels("rows").count,
        unsigned(spikes),
        unsigned(kept),
        array(spike_count),
        array(row_start)[1:],
        small=kept.numel() < SMALL_WORDS,
    )
    np.cumsum(array(row_start), out=array(row_start))
    ids = torch.empty(int(row_start[-1]), dtype=torch.int32)
    active = torch.empty(ids.shape[0])
    run(
        kernels("rows").list_ids,
        unsigned(spikes),
        unsigned(kept),
        array(row_start),
        array(spike_count),
        unsigned(ids),
        array(active),
    )
    return Left(ids, row_start, spike_count, active, kept if limit else kept.new_empty(0), dropped.sum())
