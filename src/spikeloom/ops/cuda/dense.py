"""The dense products of a batch: see `ops.dense`."""

import torch
from torch import Tensor

from spikeloom.ops.cuda.rows import row_of_entries, spiking
from spikeloom.ops.dense import (
    NUMBER_TYPES,
    by_steps,
    columns,
    currents,
    currents_backward,
    currents_of_spikes,
    currents_of_spikes_backward,
    rows_of,
)
from spikeloom.ops.shadow import shadow


def multiply(a: Tensor, b: Tensor, *, low: bool) -> Tensor:
    """The product in float32, as torch is set to make it, or in bfloat16; whatever torch's autocast is set to."""
    dtype = NUMBER_TYPES[low]
    with torch.autocast(a.device.type, enabled=False):
        return torch.mm(a.to(dtype), b.to(dtype))


def widened(weight: Tensor, inputs: int, *, low: bool) -> Tensor:
    """`[I, N]` in the product's number type, with zeros behind for inputs that the layer does not have."""
    rows = columns(weight).to(NUMBER_TYPES[low])
    return torch.nn.functional.pad(rows, (0, 0, 0, inputs - len(rows)))


def as_weights(columns: Tensor, weight: Tensor) -> Tensor:
    """`[I, N]` as `[N / 64, I, 64]` float32, laid out as the weights are; rows behind the last input are left out."""
    whole = columns[: weight.shape[1]].float()
    blocks = whole.view(weight.shape[1], *weight.shape[::2]).transpose(0, 1)
    return blocks.contiguous() if weight.is_contiguous() else blocks


def spread(ids: Tensor, row_start: Tensor, spike_count: Tensor, inputs: int, *, low: bool) -> Tensor:
    """Zeros and ones `[R, I]` from rows of ids."""
    rows = row_of_entries(row_start, len(ids))
    x = torch.zeros(len(spike_count) * inputs, dtype=NUMBER_TYPES[low], device=ids.device)
    x.scatter_(0, rows * inputs + ids, spiking(rows, row_start, spike_count).to(x.dtype))
    return x.view(-1, inputs)


@currents.on("cuda")
def _currents(x, weight, low):
    rows, by_sample = rows_of(x)
    return by_steps(multiply(rows, widened(weight, x.shape[2], low=low), low=low), x.shape[0], by_sample=by_sample)


@currents_backward.on("cuda")
def _currents_backward(x, weight, d_current, low, want_input):
    rows, by_sample = rows_of(x)
    d_rows = (d_current.transpose(0, 1) if by_sample else d_current).flatten(0, 1)
    d_weight = as_weights(multiply(rows.T, d_rows, low=low), weight)
    if not want_input:
        return x.new_empty(0), d_weight
    d_input = multiply(d_rows, widened(weight, x.shape[2], low=low).T, low=low).to(x.dtype)
    return by_steps(d_input, x.shape[0], by_sample=by_sample), d_weight


@currents_of_spikes.on("cuda")
def _currents_of_spikes(ids, row_start, spike_count, active, weight, steps, low):
    x = spread(ids, row_start, spike_count, weight.shape[1], low=low)
    return by_steps(multiply(x, widened(weight, weight.shape[1], low=low), low=low), steps, by_sample=True)


@currents_of_spikes_backward.on("cuda")
def _currents_of_spikes_backward(ids, row_start, spike_count, weight, d_current, low, want_input):
    d_rows, inputs = d_current.transpose(0, 1).flatten(0, 1), weight.shape[1]
    x = spread(ids, row_start, spike_count, inputs, low=low)
    d_weight = as_weights(multiply(x.T, d_rows, low=low), weight)
    if not want_input:
        return weight.new_empty(0), d_weight
    d_x = multiply(d_rows, widened(weight, inputs, low=low).T, low=low)
    return d_x[row_of_entries(row_start, len(ids)), ids].float(), d_weight


@shadow.on("cuda")
def _shadow(weight):
    return weight.to(torch.bfloat16, memory_format=torch.contiguous_format).view(torch.int32)


def read(weight: Tensor, shadow: Tensor | None) -> Tensor:
    """What the gathers of a step read: the weights, or their shadow in bfloat16."""
    return weight if shadow is None else shadow.view(torch.bfloat16)
