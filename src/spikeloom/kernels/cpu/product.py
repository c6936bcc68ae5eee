"""The sparse product alone, and its adjoints: sums of weight rows, gradient rows, inner products."""

import numpy as np

from spikeloom.kernels.cpu.bits import flush_denormals, restore_denormals, take_next
from spikeloom.kernels.cpu.compile import inlined, kernel
from spikeloom.kernels.cpu.simd import BLOCK, add, load, store
from spikeloom.kernels.cpu.sources import add_products, current


@kernel
def forward(counter, width, source, rows, out):
    """Currents of all rows; a task is a block.

    Args:
        counter: shared task counter.
        width: lanes.
        source: of currents, for rows of N neurons.
        rows: R.
        out: [R, N] float32, written.
    """
    control = flush_denormals()
    neurons, outputs = out.shape[1], out.ravel()
    k = take_next(counter)
    while k < neurons // BLOCK:
        for r in range(rows):
            store(outputs, r * neurons + k * BLOCK, current(width, source, k, r))
        k = take_next(counter)
    restore_denormals(control)


@kernel
def backward(
    counter, width, weight, inputs, ids, row_start, spike_count, d_out, parts, d_weight, d_input,
):  # fmt: skip
    """Add the gradients by weights and inputs; a task is a part: every `parts`-th block.

    Args:
        counter: shared task counter.
        width: lanes.
        weight: flat [N / 64, I, 64] float32.
        inputs: I.
        ids: [K] uint32, of the input.
        row_start: [R + 1] uint64, of the input.
        spike_count: [R] uint32, of the input.
        d_out: [R, N] float32.
        parts: how many parts the blocks are cut into, whatever the number of threads.
        d_weight: flat [N / 64, I, 64] float32, added to.
        d_input: [parts, K] float32, added to; or [parts, 0].
    """
    control = flush_denormals()
    rows, neurons = d_out.shape
    d_outputs = d_out.ravel()
    part = take_next(counter)
    while part < parts:
        for k in range(part, neurons // BLOCK, parts):
            base = np.uint64(k * inputs * BLOCK)
            for r in range(rows):
                d = load(width, d_outputs, r * neurons + k * BLOCK)
                begin = row_start[r]
                _add_to_rows(width, d_weight, base, ids, begin, begin + spike_count[r], d)
                if d_input.shape[1] > 0:
                    add_products(weight, base, ids, begin, row_start[r + 1], d, d_input[part])
        part = take_next(counter)
    restore_denormals(control)


@inlined
def _add_to_rows(width, d_weight, base, ids, begin, end, d):
    """Add a block to the gradient rows of the inputs that spiked."""
    for i in range(begin, end):
        at = base + np.uint64(ids[i]) * np.uint64(BLOCK)
        store(d_weight, at, add(load(width, d_weight, at), d))
