"""All neurons of one sample through all time steps, hearing each other; forward and backward.

Neurons of one sample hear each other and no others, so a program is a whole sample: its threads wait for one another
once a step, and no program waits for another. Neurons lie in blocks, `[N / 64, 64]`, the first size rounded up to a
power of two.
"""

import triton
import triton.language as tl
from torch import Tensor

from spikeloom.kernels.cuda.launch import launch
from spikeloom.kernels.cuda.program import (
    add_all,
    adjoint_constants,
    chosen,
    load_all,
    run,
    slope_constants,
    step_constants,
    zeros,
)
from spikeloom.kernels.cuda.sources import Gathered, Stored
from spikeloom.kernels.cuda.words import BLOCK
from spikeloom.neurons import Equations


def forward(
    equations: Equations,
    surrogate: str,
    source: Stored | Gathered,
    recurrent: Tensor,
    bias: Tensor | None,
    parameters: Tensor,
    depth: Tensor,
    state: Tensor | None,
    first_spike: Tensor | None,
    *,
    steps: int,
    batch: int,
    neurons: int,
    spikes: Tensor,
    near: Tensor,
    slope: Tensor,
    entries: Tensor,
    last_state: Tensor,
    last_spike: Tensor,
    history: Tensor,
    listed: Tensor,
) -> None:
    """Run all samples forward; what `scan.forward` does not have:

    Args:
        recurrent: `[N / 64, N, 64]`, of any float type and any strides in the first two dimensions.
        listed: `[B, 2, N]` int32, room for the ids of those that spiked, of two steps.
    """
    size = parameters.shape[1]
    launch(
        _forward,
        (batch,),
        *source.arguments(),
        recurrent,
        *recurrent.stride()[:2],
        bias,
        parameters,
        depth,
        state,
        first_spike,
        steps,
        batch,
        neurons,
        size,
        spikes,
        near,
        slope,
        entries,
        last_state,
        last_spike,
        history,
        history.stride(0),
        listed,
        BLOCKS=triton.next_power_of_2(size // BLOCK.value),
        num_warps=_warps(size),
        **step_constants(equations),
        **slope_constants(surrogate),
    )


def _warps(size: int) -> int:
    """A thread for every four neurons, of at most 512."""
    return min(16, max(1, int(triton.next_power_of_2(size)) // 128))


@triton.jit
def _rows_sum(weight, lanes, mask, stride, ids, first, count):
    """The sum of the weight rows that `ids[first]` and on name; [N / 64, 64]."""
    total = tl.zeros(lanes.shape, tl.float32)
    for i in range(count):
        at = tl.load(ids + first + i).to(tl.int64) * stride
        total += tl.load(weight + at + lanes, mask=mask, other=0.0).to(tl.float32)
    return total


@triton.jit
def _list(ids, mask, n):
    """Write the ids of a mask in ascending order, for all threads to read; how many they are."""
    here = tl.sum(mask.to(tl.int32), 1)
    place = (tl.cumsum(here, 0) - here)[:, None] + tl.cumsum(mask.to(tl.int32), 1) - 1
    tl.store(ids + place, n, mask=mask)
    tl.debug_barrier()
    return tl.sum(here, 0)


@triton.jit
def _words(mask):
    return tl.sum(mask.to(tl.int64) << tl.arange(0, BLOCK).to(tl.int64)[None, :], 1)


@triton.jit
def _forward(
    current, current_step, current_sample, weight, block_stride, input_stride, ids, row_start, spike_count,
    recurrent, inner_block_stride, inner_stride, bias, parameters, depth, state, first_spike,
    steps, batch, neurons, size, spikes, near, slope, entries, last_state, last_spike, history, history_stride, listed,
    STATES: tl.constexpr, PARAMETERS: tl.constexpr, KEPT: tl.constexpr, STEP: tl.constexpr, STEP_OUTPUTS: tl.constexpr,
    SLOPE: tl.constexpr, SLOPE_OUTPUT: tl.constexpr, BLOCKS: tl.constexpr,
):  # fmt: skip
    b = tl.program_id(0)
    rows, blocks = batch * steps, size // BLOCK
    k, lane = tl.arange(0, BLOCKS), tl.arange(0, BLOCK)
    n = k[:, None] * BLOCK + lane[None, :]
    # Neurons behind the last are read as the last one, and never written.
    there, m = n < size, tl.minimum(n, size - 1)
    edge = tl.load(depth + m)
    p = load_all(parameters + m, size, PARAMETERS)
    nothing = tl.zeros([BLOCKS, BLOCK], tl.float32)
    always = nothing if bias is None else tl.load(bias + m)
    x = zeros(nothing, STATES) if state is None else load_all(state + b * size + m, batch * size, STATES)
    spike = nothing if first_spike is None else tl.load(first_spike + b * size + m)
    inner = k[:, None].to(tl.int64) * inner_block_stride + lane[None, :]
    own, count = listed + b * 2 * size, 0
    if first_spike is not None:
        count = _list(own + size, (spike != 0) & there, n)
    stored = ((k * batch + b).to(tl.int64) * steps * BLOCK)[:, None]
    before = stored
    for t in range(steps):
        r = (b * steps + t).to(tl.int64)
        heard = always + _rows_sum(recurrent, inner, there, inner_stride, own + (t + 1) % 2 * size, 0, count)
        if current is None:
            outer = k[:, None].to(tl.int64) * block_stride + lane[None, :]
            heard += _rows_sum(
                weight, outer, there, input_stride, ids, tl.load(row_start + r), tl.load(spike_count + r)
            )
        else:
            heard += tl.load(current + t * current_step + b * current_sample + m).to(tl.float32)
        kept = chosen(x + (heard,), KEPT)
        for i in tl.static_range(len(kept)):
            tl.store(history + i * history_stride + r * size + n, kept[i], mask=there)
        values = run(x + (spike, heard) + p, STEP)
        margin = values[STEP_OUTPUTS[STATES]]
        x = chosen(values, STEP_OUTPUTS[:STATES])
        valid = n < neurons
        fired, inside = (margin >= 0) & valid, (margin >= edge) & valid
        spike = fired.to(tl.float32)
        tl.store(spikes + k * rows + r, _words(fired), mask=k < blocks)
        tl.store(near + k * rows + r, _words(inside), mask=k < blocks)
        sloping = run((margin,), SLOPE)[SLOPE_OUTPUT]
        place = tl.cumsum(inside.to(tl.int32), 1)
        tl.store(slope + stored + place - 1, sloping, mask=inside)
        stored += tl.sum(inside.to(tl.int32), 1)[:, None]
        count = _list(own + t % 2 * size, fired, n)
    tl.store(entries + k * batch + b, tl.sum(stored - before, 1), mask=k < blocks)
    for i in tl.static_range(STATES):
        tl.store(last_state + (i * batch + b) * size + n, x[i], mask=there)
    tl.store(last_spike + b * size + n, spike, mask=there)


def backward(
    equations: Equations,
    recurrent: Tensor,
    parameters: Tensor,
    spikes: Tensor,
    near: Tensor,
    kept: Tensor,
    first_spike: Tensor | None,
    slope: Tensor,
    entry_end: Tensor,
    history: Tensor,
    d_spikes: Tensor | None,
    d_last_state: Tensor | None,
    d_last_spike: Tensor | None,
    *,
    steps: int,
    batch: int,
    d_current: Tensor,
    d_bias: Tensor,
    d_learned: Tensor,
    d_state: Tensor,
    d_spike: Tensor,
    listed: Tensor,
) -> None:
    """Run all samples backward in time, as `scan.backward` does; `recurrent` and `listed` as in `forward`."""
    size = parameters.shape[1]
    launch(
        _backward,
        (batch,),
        recurrent,
        *recurrent.stride()[:2],
        parameters,
        spikes,
        near,
        kept,
        first_spike,
        slope,
        entry_end,
        history,
        history.stride(0),
        d_spikes,
        *(d_spikes.stride()[:2] if d_spikes is not None else (0, 0)),
        d_last_state,
        d_last_spike,
        steps,
        batch,
        size,
        d_current,
        *d_current.stride()[:2],
        d_bias,
        d_learned,
        d_state,
        d_spike,
        listed,
        BLOCKS=triton.next_power_of_2(size // BLOCK.value),
        num_warps=_warps(size),
        **adjoint_constants(equations),
    )


@triton.jit
def _lanes(word):
    return ((word[:, None] >> tl.arange(0, BLOCK).to(tl.int64)[None, :]) & 1) != 0


@triton.jit
def _backward(
    recurrent, inner_block_stride, inner_stride, parameters, spikes, near, left, first_spike, slope, entry_end,
    history, history_stride, d_spikes, spikes_step, spikes_sample, d_last_state, d_last_spike, steps, batch, size,
    d_current, current_step, current_sample, d_bias, d_learned, d_state, d_spike, listed,
    STATES: tl.constexpr, PARAMETERS: tl.constexpr, KEPT: tl.constexpr, LEARNED: tl.constexpr, ADJOINT: tl.constexpr,
    ADJOINT_OUTPUTS: tl.constexpr, BLOCKS: tl.constexpr,
):  # fmt: skip
    b = tl.program_id(0)
    rows, blocks = batch * steps, size // BLOCK
    k, lane = tl.arange(0, BLOCKS), tl.arange(0, BLOCK)
    n = k[:, None] * BLOCK + lane[None, :]
    there, m = n < size, tl.minimum(n, size - 1)
    p = load_all(parameters + m, size, PARAMETERS)
    nothing = tl.zeros([BLOCKS, BLOCK], tl.float32)
    x = zeros(nothing, STATES) if d_last_state is None else load_all(d_last_state + b * size + m, batch * size, STATES)
    s = nothing if d_last_spike is None else tl.load(d_last_spike + b * size + m)
    first = nothing if first_spike is None else tl.load(first_spike + b * size + m)
    by_bias, by_learned, later = nothing, zeros(nothing, LEARNED), nothing
    inner = k[:, None].to(tl.int64) * inner_block_stride + lane[None, :]
    entry = tl.load(entry_end + k * batch + b, mask=k < blocks, other=0)[:, None]
    for i in range(steps):
        t = steps - 1 - i
        r = (b * steps + t).to(tl.int64)
        inside = _lanes(tl.load(near + k * rows + r, mask=k < blocks, other=0))
        entry -= tl.sum(inside.to(tl.int32), 1)[:, None]
        place = tl.cumsum(inside.to(tl.int32), 1)
        sloping = tl.load(slope + entry + place - 1, mask=inside, other=0.0)
        outer = s
        if d_spikes is not None:
            gone = _lanes(tl.load(left + k * rows + r, mask=k < blocks, other=0))
            outer += tl.load(d_spikes + t * spikes_step + b * spikes_sample + m, mask=gone, other=0.0).to(tl.float32)
        if i > 0:
            own = listed + (b * 2 + t % 2) * size
            for e in range(_list(own, inside, n)):
                j = tl.load(own + e)
                row = tl.load(recurrent + j.to(tl.int64) * inner_stride + inner, mask=there, other=0.0)
                outer += tl.where(n == j, tl.sum(row.to(tl.float32) * later), 0.0)
        earlier = _lanes(tl.load(spikes + k * rows + tl.maximum(r - 1, 0), mask=k < blocks, other=0))
        before = tl.where(t > 0, earlier.to(tl.float32), first)
        kept = load_all(history + r * size + m, history_stride, KEPT)
        results = chosen(run(x + (sloping * outer, before) + p + kept, ADJOINT), ADJOINT_OUTPUTS)
        x, s, d = results[:STATES], results[STATES], results[STATES + 1]
        later = tl.where(there, d, 0.0)
        by_bias += d
        by_learned = add_all(by_learned, results[STATES + 2 :])
        tl.store(d_current + t * current_step + b * current_sample + n, d, mask=there)
    tl.store(d_bias + b * size + n, by_bias, mask=there)
    for i in tl.static_range(LEARNED):
        tl.store(d_learned + (b * LEARNED + i) * size + n, by_learned[i], mask=there)
    for i in tl.static_range(STATES):
        tl.store(d_state + (i * batch + b) * size + n, x[i], mask=there)
    tl.store(d_spike + b * size + n, s, mask=there)
