"""What leaves a layer of spiking neurons: from the bits of a scan to rows of ids, with the cap on active ids."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from spikeloom import surrogates
from spikeloom.ops.arrays import array, kernels, run, unsigned
from spikeloom.ops.pool import recycled

SMALL_WORDS = 1 << 14
"""So many words of bits are counted and listed in about 40 microseconds."""

CHUNK = 64
"""Rows of a task, or more where there would be over a thousand tasks."""


class Margins(NamedTuple):
    """Margins of window entries as a scan stores them; see `kernels.cpu.leave`."""

    margins: np.ndarray
    group_start: np.ndarray
    start: np.ndarray
    end: np.ndarray


def no_margins(entries: int) -> Margins:
    """None at all of so many window entries, whose slopes are made elsewhere."""
    nowhere = np.zeros((0, 1), np.int64)
    return Margins(np.empty((0, 0), np.float32), nowhere[:, 0], nowhere, np.array([[entries]]))


def unlisted(spikes: Tensor, near: Tensor, margins: Margins, surrogate: str) -> "Left":
    """Counts and slopes as `leave` gives them, without the lists, which `ops.listed` makes where they are asked for."""
    rows, function = spikes.shape[1], surrogates.from_spec(surrogate)
    counts, slope = torch.empty(rows, dtype=torch.int32), recycled(int(margins.end[-1, -1]))
    run(kernels("spread").count, unsigned(spikes), array(counts), small=spikes.numel() < SMALL_WORDS)
    none, few, words = np.empty(0, np.int64), np.empty(0, np.float32), np.empty((spikes.shape[0], 0), np.uint64)
    no_counts, no_ids = none.view(np.int32), few.view(np.uint32)
    run(
        kernels("leave").leave, words, words, 0, np.uint64(0), CHUNK, function, np.float32(function.scale), *margins,
        np.zeros(1, np.int64), none, words, no_counts, no_counts, none, no_ids, few, array(slope),
    )  # fmt: skip
    empty = torch.empty(0, dtype=torch.int32)
    return Left(empty, torch.zeros(1, dtype=torch.int64), counts, torch.empty(0), near.new_empty(0), empty.sum(), slope)


class Left(NamedTuple):
    """Rows of ids, as `Spikes` has them, with the bits that were kept, how many ids the cap dropped, and slopes."""

    ids: Tensor
    row_start: Tensor
    spike_count: Tensor
    active: Tensor
    kept: Tensor
    dropped: Tensor
    slope: Tensor


def capacity(max_activity: float, neurons: int) -> int:
    """How many ids a step may have under the cap: K = max(2, 2 floor(a N / 2)) (Finkbeiner et al. 2024).

    The product is rounded where it is a whole number but for its last bits: 0.58 of 100 is 58.
    """
    return max(2, 2 * math.floor(max_activity * neurons / 2 + 1e-9))


def leave(spikes: Tensor, near: Tensor, margins: Margins, surrogate: str, *, limit: int, seed: int) -> Left:
    """Turn bits `[N / 64, R]` (int64) into rows, and margins into slopes.

    Args:
        spikes: who spiked.
        near: who was in its window.
        margins: of the window entries.
        surrogate: its spec.
        limit: how many ids a row may have; 0 for no limit.
        seed: of the choice among too many.
    """
    rows, entries, function = spikes.shape[1], int(margins.end[-1, -1]), surrogates.from_spec(surrogate)
    kept, dropped = near, torch.zeros(rows if limit else 1, dtype=torch.int32)
    if limit:
        kept = torch.empty_like(near)
    spike_count, row_start = torch.empty(rows, dtype=torch.int32), torch.zeros(rows + 1, dtype=torch.int64)
    # A cap leaves fewer ids than there are entries.
    ids, active, slope = recycled(entries, dtype=torch.int32), recycled(entries), recycled(entries)
    chunk = max(CHUNK, -(-rows // 1024))
    run(
        kernels("leave").leave,
        unsigned(spikes),
        unsigned(near),
        limit,
        np.uint64(seed),
        chunk,
        function,
        np.float32(function.scale),
        *margins,
        np.zeros(1, np.int64),
        np.empty(-(-rows // chunk), np.int64),
        unsigned(kept),
        array(dropped),
        array(spike_count),
        array(row_start),
        unsigned(ids),
        array(active),
        array(slope),
        small=near.numel() < SMALL_WORDS,
    )
    size = int(row_start[-1])
    if size < entries:
        ids, active = ids[:size].clone(), active[:size].clone()
    return Left(ids, row_start, spike_count, active, kept if limit else kept.new_empty(0), dropped.sum(), slope)
