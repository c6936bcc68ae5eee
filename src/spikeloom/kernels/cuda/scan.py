"""A block of neurons of one sample through all time steps, forward and backward, its states in registers.

The scan knows no neuron: it carries out the program of the one that it is given. Currents come from dense products, or
are summed here from the weight rows that the inputs' ids name. A kernel's program is one block of 64 neurons and one
sample, so that no sum is shared.
"""

import triton
import triton.language as tl
from torch import Tensor

from spikeloom.kernels.cuda.gather import row_sum
from spikeloom.kernels.cuda.launch import launch
from spikeloom.kernels.cuda.program import (
    add_all,
    adjoint_constants,
    chosen,
    load_all,
    run,
    slope_constants,
    step_constants,
    store_all,
    zeros,
)
from spikeloom.kernels.cuda.sources import Gathered, Stored
from spikeloom.kernels.cuda.words import BLOCK, lanes_of, word_of
from spikeloom.neurons import Equations


def forward(
    equations: Equations,
    surrogate: str,
    source: Stored | Gathered,
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
    entries: Tensor | None,
    raster: Tensor | None,
    last_state: Tensor,
    last_spike: Tensor,
    history: Tensor,
) -> None:
    """Run all blocks forward.

    Args:
        equations: of the neuron.
        surrogate: its spec.
        source: of currents.
        bias: `[N]` or None, N a multiple of 64 here and below.
        parameters: `[P, N]`.
        depth: `[N]`, the margin from which on a neuron is in its window.
        state: `[S, B, N]` before the first step, or None for zeros.
        first_spike: `[B, N]` zeros and ones before the first step, or None for zeros.
        steps: T.
        batch: B.
        neurons: how many exist.
        spikes: `[N / 64, B * T]` int64, written: who spiked.
        near: likewise, who is in its window.
        slope: written, the surrogate's derivative at window entries: where there are `entries`, `[N / 64, B, T * 64]`
            float32, packed to the left in the part of each block and sample; else `[B * T, N]`, 0 outside the window.
        entries: `[N / 64, B]` int64, written: how many window entries; or None.
        raster: `[T, B, N]`, laid out as currents are, written: the spikes as zeros and ones; or None.
        last_state: `[S, B, N]`, written.
        last_spike: `[B, N]`, written: zeros and ones.
        history: `[K, B * T, N]`, written: what the neuron keeps of each step for its backward pass.
    """
    launch(
        _forward,
        (spikes.shape[0], batch),
        *source.arguments(),
        bias,
        parameters,
        depth,
        state,
        first_spike,
        steps,
        batch,
        neurons,
        parameters.shape[1],
        spikes,
        near,
        slope,
        entries,
        raster,
        *(raster.stride()[:2] if raster is not None else (0, 0)),
        last_state,
        last_spike,
        history,
        history.stride(0),
        **step_constants(equations),
        **slope_constants(surrogate),
    )


@triton.jit
def _forward(
    current, current_step, current_sample, weight, block_stride, input_stride, ids, row_start, spike_count,
    bias, parameters, depth, state, first_spike, steps, batch, neurons, size,
    spikes, near, slope, entries, raster, raster_step, raster_sample, last_state, last_spike, history, history_stride,
    STATES: tl.constexpr, PARAMETERS: tl.constexpr, KEPT: tl.constexpr, STEP: tl.constexpr, STEP_OUTPUTS: tl.constexpr,
    SLOPE: tl.constexpr, SLOPE_OUTPUT: tl.constexpr,
):  # fmt: skip
    k, b = tl.program_id(0), tl.program_id(1)
    rows = batch * steps
    lane = tl.arange(0, BLOCK)
    n = k * BLOCK + lane
    valid, edge = n < neurons, tl.load(depth + n)
    p = load_all(parameters + n, size, PARAMETERS)
    nothing = tl.zeros([BLOCK], tl.float32)
    always = nothing if bias is None else tl.load(bias + n)
    x = zeros(nothing, STATES) if state is None else load_all(state + b * size + n, batch * size, STATES)
    spike = nothing if first_spike is None else tl.load(first_spike + b * size + n)
    before = (k * batch + b).to(tl.int64) * steps * BLOCK
    stored = before
    for t in range(steps):
        r = (b * steps + t).to(tl.int64)
        if current is None:
            heard = always + row_sum(
                weight + k.to(tl.int64) * block_stride,
                input_stride,
                ids,
                tl.load(row_start + r),
                tl.load(spike_count + r),
            )
        else:
            heard = always + tl.load(current + t * current_step + b * current_sample + n).to(tl.float32)
        store_all(history + r * size + n, history_stride, chosen(x + (heard,), KEPT))
        values = run(x + (spike, heard) + p, STEP)
        margin = values[STEP_OUTPUTS[STATES]]
        x = chosen(values, STEP_OUTPUTS[:STATES])
        fired, inside = (margin >= 0) & valid, (margin >= edge) & valid
        spike = (margin >= 0).to(tl.float32)
        tl.store(spikes + k * rows + r, word_of(fired))
        tl.store(near + k * rows + r, word_of(inside))
        sloping = run((margin,), SLOPE)[SLOPE_OUTPUT]
        if entries is None:
            tl.store(slope + r * size + n, tl.where(inside, sloping, 0.0))
        else:
            place = tl.cumsum(inside.to(tl.int32), 0)
            tl.store(slope + stored + place - 1, sloping, mask=inside)
            stored += tl.sum(inside.to(tl.int32), 0)
        if raster is not None:
            tl.store(raster + t * raster_step + b * raster_sample + n, fired.to(tl.float32))
    if entries is not None:
        tl.store(entries + k * batch + b, stored - before)
    store_all(last_state + b * size + n, batch * size, x)
    tl.store(last_spike + b * size + n, tl.where(valid, spike, 0.0))


def backward(
    equations: Equations,
    parameters: Tensor,
    spikes: Tensor,
    near: Tensor,
    kept: Tensor,
    first_spike: Tensor | None,
    slope: Tensor,
    entry_end: Tensor | None,
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
) -> None:
    """Run all blocks backward in time.

    Args:
        equations: of the neuron.
        parameters: `[P, N]`.
        spikes: `[N / 64, B * T]` int64, from the forward pass.
        near: likewise.
        kept: likewise, the window entries that left the layer.
        first_spike: `[B, N]` before the first step, or None for zeros.
        slope: from the forward pass: `[E]` in the order of blocks where there is `entry_end`, else `[B * T, N]`.
        entry_end: `[N / 64, B]` int64, where each sample's entries end in `slope`; or None.
        history: `[K, B * T, N]`, from the forward pass.
        d_spikes: `[T, B, N]` of any strides in its first two dimensions, the loss's derivative by the spikes; only what
            has left the layer is read. None for zeros.
        d_last_state: `[S, B, N]` by the states after the last step, or None for zeros.
        d_last_spike: `[B, N]` by the last step's spikes as part of the state, or None for zeros.
        steps: T.
        batch: B.
        d_current: `[T, B, N]` of any strides in its first two dimensions, written.
        d_bias: `[B, N]`, written: the gradient by the currents, summed over the steps.
        d_learned: `[B, L, N]`, written: by the learned parameters.
        d_state: `[S, B, N]`, written: by the states before the first step.
        d_spike: `[B, N]`, written: by the spikes before the first step, through the neuron itself.
    """
    launch(
        _backward,
        (spikes.shape[0], batch),
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
        parameters.shape[1],
        d_current,
        *d_current.stride()[:2],
        d_bias,
        d_learned,
        d_state,
        d_spike,
        **adjoint_constants(equations),
    )


@triton.jit
def _backward(
    parameters, spikes, near, left, first_spike, slope, entry_end, history, history_stride,
    d_spikes, spikes_step, spikes_sample, d_last_state, d_last_spike, steps, batch, size,
    d_current, current_step, current_sample,
    d_bias, d_learned, d_state, d_spike,
    STATES: tl.constexpr, PARAMETERS: tl.constexpr, KEPT: tl.constexpr, LEARNED: tl.constexpr, ADJOINT: tl.constexpr,
    ADJOINT_OUTPUTS: tl.constexpr,
):  # fmt: skip
    k, b = tl.program_id(0), tl.program_id(1)
    rows = batch * steps
    n = k * BLOCK + tl.arange(0, BLOCK)
    p = load_all(parameters + n, size, PARAMETERS)
    nothing = tl.zeros([BLOCK], tl.float32)
    x = zeros(nothing, STATES) if d_last_state is None else load_all(d_last_state + b * size + n, batch * size, STATES)
    s = nothing if d_last_spike is None else tl.load(d_last_spike + b * size + n)
    first = nothing if first_spike is None else tl.load(first_spike + b * size + n)
    by_bias, by_learned = nothing, zeros(nothing, LEARNED)
    entry = tl.zeros([], tl.int64) if entry_end is None else tl.load(entry_end + k * batch + b)
    for i in range(steps):
        t = steps - 1 - i
        r = (b * steps + t).to(tl.int64)
        inside = lanes_of(tl.load(near + k * rows + r))
        if entry_end is None:
            sloping = tl.load(slope + r * size + n).to(tl.float32)
        else:
            entry -= tl.sum(inside.to(tl.int32), 0)
            place = tl.cumsum(inside.to(tl.int32), 0)
            sloping = tl.load(slope + entry + place - 1, mask=inside, other=0.0)
        outer = s
        if d_spikes is not None:
            at = d_spikes + t * spikes_step + b * spikes_sample + n
            outer += tl.load(at, mask=lanes_of(tl.load(left + k * rows + r)), other=0.0).to(tl.float32)
        earlier = lanes_of(tl.load(spikes + k * rows + tl.maximum(r - 1, 0)))
        before = tl.where(t > 0, earlier.to(tl.float32), first)
        kept = load_all(history + r * size + n, history_stride, KEPT)
        values = run(x + (sloping * outer, before) + p + kept, ADJOINT)
        results = chosen(values, ADJOINT_OUTPUTS)
        x, s, d = results[:STATES], results[STATES], results[STATES + 1]
        by_bias += d
        by_learned = add_all(by_learned, results[STATES + 2 :])
        tl.store(d_current + t * current_step + b * current_sample + n, d)
    tl.store(d_bias + b * size + n, by_bias)
    store_all(d_learned + b * LEARNED * size + n, size, by_learned)
    store_all(d_state + b * size + n, batch * size, x)
    tl.store(d_spike + b * size + n, s)
