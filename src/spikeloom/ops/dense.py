"""The dense route: the currents of all time steps and samples by one product, beside the same scans of the neurons.

Spikes are spread out to matrices of zeros and ones for the products alone, and gradients by the inputs are read where
the inputs are in their window. The products are torch's, in float32 or in bfloat16 with float32 sums inside; their
results, the currents and the gradients by them, come in the same number type, all else in float32.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikeloom.ops.arrays import BLOCK, array, flat, kernels, run, unsigned, width
from spikeloom.ops.operator import operator
from spikeloom.ops.pool import recycled

NUMBER_TYPES = {False: torch.float32, True: torch.bfloat16}
"""Of products and their results, by whether it is the low one."""


def columns(weight: Tensor) -> Tensor:
    """`[I, N]` from `[N / 64, I, 64]`: a view where whole rows lie together, as a layer on this route lays its weights
    out; else a copy."""
    return weight.transpose(0, 1).reshape(weight.shape[1], -1)


def widened(weight: Tensor, inputs: int, *, low: bool) -> Tensor:
    """`columns` in the product's number type, with zeros behind for inputs that the layer does not have."""
    rows = columns(weight)
    if not low and len(rows) == inputs:
        return rows
    wide = recycled(inputs, rows.shape[1], dtype=NUMBER_TYPES[low])
    wide[: len(rows)] = rows
    wide[len(rows) :] = 0
    return wide


def as_weights(columns: Tensor, weight: Tensor) -> Tensor:
    """`[I, N]` as `[N / 64, I, 64]` float32, laid out as the weights are; rows behind the last input are left out."""
    wide = recycled(*columns[: weight.shape[1]].shape).copy_(columns[: weight.shape[1]])
    blocks = wide.view(weight.shape[1], *weight.shape[::2]).transpose(0, 1)
    return blocks.contiguous() if weight.is_contiguous() else blocks


def multiply(a: Tensor, b: Tensor, *, low: bool) -> Tensor:
    """The product of two matrices in float32 or, if `low`, in bfloat16, whatever torch's autocast is set to."""
    dtype = NUMBER_TYPES[low]
    with torch.autocast(a.device.type, enabled=False):
        return torch.mm(_as(a, dtype), _as(b, dtype), out=recycled(a.shape[0], b.shape[1], dtype=dtype))


def _as(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x if x.dtype is dtype else recycled(*x.shape, dtype=dtype).copy_(x)


def numbers_of(x: Tensor) -> np.ndarray:
    """A tensor's numbers as kernels take them, not copied: float32, or the bits of bfloat16."""
    return unsigned(x.view(torch.int16)) if x.dtype is torch.bfloat16 else array(x)


def spread(ids: Tensor, row_start: Tensor, spike_count: Tensor, inputs: int, *, low: bool, turned: bool) -> Tensor:
    """Zeros and ones `[R, I]` from rows of ids, or `[I, R]` if `turned`."""
    dtype, rows = NUMBER_TYPES[low], spike_count.shape[0]
    listed, one = (unsigned(ids), unsigned(row_start), unsigned(spike_count)), numbers_of(torch.ones(1, dtype=dtype))[0]
    if turned:
        x = recycled(inputs, rows, dtype=dtype)
        run(kernels("spread").to_columns, width(), *listed, one, numbers_of(x))
    else:
        x = recycled(rows, inputs, dtype=dtype)
        run(kernels("spread").to_rows, *listed, one, numbers_of(x))
    return x


def turned(x: Tensor, *, low: bool) -> Tensor:
    """`[I, R]` from `[R, I]` for a product: copied in bfloat16, where reading a transpose takes twice the time."""
    if not low:
        return x.T
    source = _as(x, torch.bfloat16)
    target = recycled(x.shape[1], x.shape[0], dtype=torch.bfloat16)
    run(kernels("spread").turn, numbers_of(source), numbers_of(target))
    return target


def at_entries(x: Tensor, ids: Tensor, row_start: Tensor) -> Tensor:
    """`[K]` float32: the numbers of a matrix `[R, I]` at the window entries."""
    values = torch.empty(ids.shape[0])
    low = x.dtype is torch.bfloat16
    bits = unsigned(x.view(torch.int16 if low else torch.int32))
    shift, out = np.uint32(16 if low else 0), unsigned(values.view(torch.int32))
    run(kernels("spread").at_entries, unsigned(ids), unsigned(row_start), shift, bits, out)
    return values


def stored(current: Tensor, bias: Tensor | None) -> tuple[Any, ...]:
    """What a `Stored` source holds of currents `[T, B, N]`, whose rows may lie in any order."""
    bias = torch.zeros(current.shape[2]) if bias is None else bias
    return *written(current), flat(bias)


def written(d_current: Tensor) -> tuple[Any, ...]:
    """What a `Written` sink holds: the numbers, how long rows are, and where that of each step of a sample is."""
    rows, by_sample = rows_of(d_current)
    steps, batch, neurons = d_current.shape
    place = np.arange(steps * batch).reshape((batch, steps) if by_sample else (steps, batch))
    return numbers_of(rows).reshape(-1), neurons, (place if by_sample else place.T).reshape(-1)


def room_for(steps: int, batch: int, neurons: int, low: bool, by_sample: bool) -> Tensor:
    """Memory for `[T, B, N]` in a number type and a layout that `layout_of` tells."""
    return by_steps(recycled(steps * batch, neurons, dtype=NUMBER_TYPES[low]), steps, by_sample=by_sample)


def layout_of(current: Tensor) -> tuple[bool, bool]:
    """Whether currents `[T, B, N]` are bfloat16, and whether their rows lie sample by sample."""
    return current.dtype is torch.bfloat16, rows_of(current)[1]


def rows_of(x: Tensor) -> tuple[Tensor, bool]:
    """`[T, B, N]` as a matrix of rows, and whether it holds them sample by sample; only an odd layout is copied."""
    if x.transpose(0, 1).is_contiguous():
        return x.transpose(0, 1).flatten(0, 1), True
    return x.contiguous().flatten(0, 1), False


def by_steps(rows: Tensor, steps: int, *, by_sample: bool) -> Tensor:
    """`[T, B, N]` from such a matrix, not copied."""
    sizes = (-1, steps) if by_sample else (steps, -1)
    whole: Tensor = rows.unflatten(0, sizes)
    return whole.transpose(0, 1) if by_sample else whole


@operator("currents", "(Tensor x, Tensor weight, bool low) -> Tensor")
def currents(x, weight, low):
    """The currents W X[t] of real-valued inputs.

    Args:
        x: `[T, B, I]` float32 or bfloat16; what is behind the layer's inputs has to be finite and counts for nothing.
        weight: `[N / 64, I, 64]` float32.
        low: whether the product takes bfloat16.

    Returns:
        `[T, B, N]`, N rounded up to whole blocks of 64, in the product's number type; laid out as `x` is.
    """
    rows, by_sample = rows_of(x)
    return by_steps(multiply(rows, widened(weight, x.shape[2], low=low), low=low), x.shape[0], by_sample=by_sample)


@operator(
    "currents_backward",
    "(Tensor x, Tensor weight, Tensor d_current, bool low, bool want_input) -> (Tensor d_input, Tensor d_weight)",
)
def currents_backward(x, weight, d_current, low, want_input):
    """The gradients of `currents`."""
    rows, by_sample = rows_of(x)
    d_rows = (d_current.transpose(0, 1) if by_sample else d_current).flatten(0, 1)
    d_weight = as_weights(multiply(turned(rows, low=low), d_rows, low=low), weight)
    if not want_input:
        return x.new_empty(0), d_weight
    d_input = multiply(d_rows, widened(weight, x.shape[2], low=low).T, low=low).to(x.dtype)
    return by_steps(d_input, x.shape[0], by_sample=by_sample), d_weight


@operator(
    "currents_of_spikes",
    "(Tensor ids, Tensor row_start, Tensor spike_count, Tensor active, Tensor weight, int steps, bool low) -> Tensor",
)
def currents_of_spikes(ids, row_start, spike_count, active, weight, steps, low):
    """As `currents`, for `ids`, `row_start`, `spike_count` and `active` as in `Spikes`; laid out sample by sample."""
    x = spread(ids, row_start, spike_count, weight.shape[1], low=low, turned=False)
    return by_steps(multiply(x, widened(weight, weight.shape[1], low=low), low=low), steps, by_sample=True)


@operator(
    "currents_of_spikes_backward",
    "(Tensor ids, Tensor row_start, Tensor spike_count, Tensor weight, Tensor d_current, bool low, "
    "bool want_input) -> (Tensor d_input, Tensor d_weight)",
)
def currents_of_spikes_backward(ids, row_start, spike_count, weight, d_current, low, want_input):
    """The gradients of `currents_of_spikes`."""
    d_rows = d_current.transpose(0, 1).flatten(0, 1)
    # Spread the other way round, so that neither product reads a transposed matrix: that takes twice the time in bf16.
    x = spread(ids, row_start, spike_count, weight.shape[1], low=low, turned=True)
    d_weight = as_weights(multiply(x, d_rows, low=low), weight)
    if not want_input:
        return weight.new_empty(0), d_weight
    d_x = multiply(d_rows, widened(weight, weight.shape[1], low=low).T, low=low)
    return at_entries(d_x, ids, row_start), d_weight


@currents.register_fake
def _fake(x, weight, low):
    rows, by_sample = rows_of(x)
    size = weight.shape[0] * BLOCK
    return by_steps(rows.new_empty(rows.shape[0], size, dtype=NUMBER_TYPES[low]), x.shape[0], by_sample=by_sample)


@currents_backward.register_fake
def _fake_backward(x, weight, d_current, low, want_input):
    rows, by_sample = rows_of(x)
    d_input = by_steps(torch.empty_like(rows), x.shape[0], by_sample=by_sample) if want_input else x.new_empty(0)
    return d_input, torch.empty_like(weight)


@currents_of_spikes.register_fake
def _fake_of_spikes(ids, row_start, spike_count, active, weight, steps, low):
    rows = weight.new_empty(spike_count.shape[0], weight.shape[0] * BLOCK, dtype=NUMBER_TYPES[low])
    return by_steps(rows, steps, by_sample=True)


@currents_of_spikes_backward.register_fake
def _fake_of_spikes_backward(ids, row_start, spike_count, weight, d_current, low, want_input):
    return weight.new_empty(ids.shape[0] if want_input else 0), torch.empty_like(weight)


def _setup(ctx, inputs, output):
    x, weight, ctx.low = inputs
    ctx.save_for_backward(x, weight)


def _backward(ctx, d_current):
    want_input = ctx.needs_input_grad[0]
    d_input, d_weight = currents_backward(*ctx.saved_tensors, d_current, ctx.low, want_input)
    return d_input if want_input else None, d_weight, None


def _setup_of_spikes(ctx, inputs, output):
    ids, row_start, spike_count, _, weight, _, ctx.low = inputs
    ctx.save_for_backward(ids, row_start, spike_count, weight)


def _backward_of_spikes(ctx, d_current):
    want_input = ctx.needs_input_grad[3]
    d_input, d_weight = currents_of_spikes_backward(*ctx.saved_tensors, d_current, ctx.low, want_input)
    return None, None, None, d_input if want_input else None, d_weight, None, None


currents.register_autograd(_backward, setup_context=_setup)
currents_of_spikes.register_autograd(_backward_of_spikes, setup_context=_setup_of_spikes)
