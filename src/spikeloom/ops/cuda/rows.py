"""Rows of ids, places in matrices, and bits, in torch's own operations."""

import torch
from torch import Tensor

from spikeloom.kernels.cuda import words


def row_of_entries(row_start: Tensor, entries: int) -> Tensor:
    """`[K]` int64, the row of each entry."""
    return torch.repeat_interleave(row_start.diff(), output_size=entries)


def spiking(rows: Tensor, row_start: Tensor, spike_count: Tensor) -> Tensor:
    """`[K]` bool: whether each entry spiked, and was not only near."""
    place = torch.arange(len(rows), device=rows.device) - row_start[rows]
    return place < spike_count[rows]


def mask_of(bits: Tensor) -> Tensor:
    """`[R, N]` bool from words `[N / 64, R]`."""
    mask = torch.empty(bits.shape[1], bits.shape[0] * 64, dtype=torch.bool, device=bits.device)
    words.unpack(bits, mask)
    return mask


def columns(ids: Tensor, places: Tensor, inputs: int) -> tuple[Tensor, Tensor]:
    """Places by input: where those of each begin `[I + 1]`, and the places; ids from `inputs` on count for nothing."""
    listed, order = torch.sort(ids, stable=True)
    start = torch.searchsorted(listed, torch.arange(inputs + 1, dtype=ids.dtype, device=ids.device))
    return start, places[order]
