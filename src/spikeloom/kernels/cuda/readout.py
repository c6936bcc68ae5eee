"""Neurons that do not spike: a dense output at every step, forward and backward; see `scan`."""

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
    step_constants,
    store_all,
    zeros,
)
from spikeloom.kernels.cuda.sources import Gathered, Stored
from spikeloom.kernels.cuda.words import BLOCK
from spikeloom.neurons import Equations


def forward(
    equations: Equations,
    source: Stored | Gathered,
    bias: Tensor | None,
    parameters: Tensor,
    state: Tensor | None,
    *,
    out: Tensor,
    last_state: Tensor,
    history: Tensor,
) -> None:
    """Run all blocks forward.

    Args:
        equations: of the neuron; its margin is the output.
        source: of currents.
        bias: `[N]` or None, N a multiple of 64 here and below.
        parameters: `[P, N]`.
        state: `[S, B, N]` before the first step, or None for zeros.
        out: `[T, B, C]`, C up to N, written.
        last_state: `[S, B, N]`, written.
        history: `[K, B * T, N]`, written: what the neuron keeps of each step for its backward pass.
    """
    steps, batch, outputs = out.shape
    size = parameters.shape[1]
    launch(
        _forward,
        (size // BLOCK.value, batch),
        *source.arguments(),
        bias,
        parameters,
        state,
        steps,
        batch,
        size,
        out,
        outputs,
        last_state,
        history,
        history.stride(0),
        **step_constants(equations),
    )


@triton.jit
def _forward(
    current, current_step, current_sample, weight, block_stride, input_stride, ids, row_start, spike_count,
    bias, parameters, state, steps, batch, size, out, outputs, last_state, history, history_stride,
    STATES: tl.constexpr, PARAMETERS: tl.constexpr, KEPT: tl.constexpr, STEP: tl.constexpr, STEP_OUTPUTS: tl.constexpr,
):  # fmt: skip
    k, b = tl.program_id(0), tl.program_id(1)
    n = k * BLOCK + tl.arange(0, BLOCK)
    p = load_all(parameters + n, size, PARAMETERS)
    nothing = tl.zeros([BLOCK], tl.float32)
    always = nothing if bias is None else tl.load(bias + n)
    x = zeros(nothing, STATES) if state is None else load_all(state + b * size + n, batch * size, STATES)
    for t in range(steps):
        r = (b * steps + t).to(tl.int64)
        if current is None:
            slice_of = weight + k.to(tl.int64) * block_stride
            heard = always + row_sum(slice_of, input_stride, ids, tl.load(row_start + r), tl.load(spike_count + r))
        else:
            heard = always + tl.load(current + t * current_step + b * current_sample + n).to(tl.float32)
        store_all(history + r * size + n, history_stride, chosen(x + (heard,), KEPT))
        values = run(x + (nothing, heard) + p, STEP)
        x = chosen(values, STEP_OUTPUTS[:STATES])
        tl.store(out + (t * batch + b) * outputs + n, values[STEP_OUTPUTS[STATES]], mask=n < outputs)
    store_all(last_state + b * size + n, batch * size, x)


def backward(
    equations: Equations,
    parameters: Tensor,
    history: Tensor,
    d_out: Tensor | None,
    d_last_state: Tensor | None,
    *,
    d_current: Tensor,
    d_bias: Tensor,
    d_learned: Tensor,
    d_state: Tensor,
) -> None:
    """Run all blocks backward in time.

    Args:
        equations: of the neuron.
        parameters: `[P, N]`.
        history: `[K, B * T, N]`, from the forward pass.
        d_out: `[T, B, C]`, C up to N, or None for zeros.
        d_last_state: `[S, B, N]` by the states after the last step, or None for zeros.
        d_current: `[T, B, N]` of any strides in its first two dimensions, written.
        d_bias: `[B, N]`, written: the gradient by the currents, summed over the steps.
        d_learned: `[B, L, N]`, written: by the learned parameters.
        d_state: `[S, B, N]`, written: by the states before the first step.
    """
    steps, batch, size = d_current.shape
    launch(
        _backward,
        (size // BLOCK.value, batch),
        parameters,
        history,
        history.stride(0),
        d_out,
        0 if d_out is None else d_out.shape[2],
        d_last_state,
        steps,
        batch,
        size,
        d_current,
        *d_current.stride()[:2],
        d_bias,
        d_learned,
        d_state,
        **adjoint_constants(equations),
    )


@triton.jit
def _backward(
    parameters, history, history_stride, d_out, outputs, d_last_state, steps, batch, size,
    d_current, current_step, current_sample, d_bias, d_learned, d_state,
    STATES: tl.constexpr, PARAMETERS: tl.constexpr, KEPT: tl.constexpr, LEARNED: tl.constexpr, ADJOINT: tl.constexpr,
    ADJOINT_OUTPUTS: tl.constexpr,
):  # fmt: skip
    k, b = tl.program_id(0), tl.program_id(1)
    n = k * BLOCK + tl.arange(0, BLOCK)
    p = load_all(parameters + n, size, PARAMETERS)
    nothing = tl.zeros([BLOCK], tl.float32)
    x = zeros(nothing, STATES) if d_last_state is None else load_all(d_last_state + b * size + n, batch * size, STATES)
    by_bias, by_learned = nothing, zeros(nothing, LEARNED)
    for i in range(steps):
        t = steps - 1 - i
        r = (b * steps + t).to(tl.int64)
        d_value = nothing
        if d_out is not None:
            d_value = tl.load(d_out + (t * batch + b) * outputs + n, mask=n < outputs, other=0.0)
        kept = load_all(history + r * size + n, history_stride, KEPT)
        results = chosen(run(x + (d_value, nothing) + p + kept, ADJOINT), ADJOINT_OUTPUTS)
        x, d = results[:STATES], results[STATES + 1]
        by_bias += d
        by_learned = add_all(by_learned, results[STATES + 2 :])
        tl.store(d_current + t * current_step + b * current_sample + n, d)
    tl.store(d_bias + b * size + n, by_bias)
    store_all(d_learned + b * LEARNED * size + n, size, by_learned)
    store_all(d_state + b * size + n, batch * size, x)
