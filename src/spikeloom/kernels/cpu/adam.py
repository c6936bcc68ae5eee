"""A step of Adam, each number of weight, gradient and moments visited once."""

import numpy as np

from spikeloom.kernels.cpu.bits import flush_denormals, load_first, restore_denormals, store_first, take_next
from spikeloom.kernels.cpu.compile import kernel
from spikeloom.kernels.cpu.simd import BLOCK, add, divide, full, multiply, root, subtract

CHUNK = 1 << 14


@kernel
def adam(counter, width, weight, gradient, mean, square, beta1, beta2, l2, shrink, rate, bias, eps):
    """Change weights and moments by a gradient (Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019).

    Args:
        counter: shared task counter; a task is a chunk of numbers.
        width: lanes.
        weight: [M] float32, changed.
        gradient: [M] float32.
        mean: [M] float32, the first moment, changed.
        square: [M] float32, the second moment, changed.
        beta1: float32, what the first moment keeps.
        beta2: float32, what the second moment keeps.
        l2: float32, times the weight is added to the gradient: Adam's weight decay.
        shrink: float32, times the weight comes before the step: one less AdamW's weight decay.
        rate: float32, the learning rate over 1 - beta1^t.
        bias: float32, the square root of 1 - beta2^t.
        eps: float32, added to the root of the second moment.
    """
    control = flush_denormals()
    size, one = len(weight), np.float32(1)
    new1, keep2, new2 = full(width, one - beta1), full(width, beta2), full(width, one - beta2)
    # m / (sqrt(v) / bias + eps), with one division.
    decay, kept, step, least = full(width, l2), full(width, shrink), full(width, -rate * bias), full(width, eps * bias)
    first = take_next(counter) * CHUNK
    while first < size:
        for i in range(first, min(first + CHUNK, size), BLOCK):
            left = size - i
            w, m, v = (load_first(width, weight, i, left), load_first(width, mean, i, left),
                       load_first(width, square, i, left))  # fmt: skip
            g = add(load_first(width, gradient, i, left), multiply(decay, w))
            m = add(m, multiply(new1, subtract(g, m)))
            v = add(multiply(keep2, v), multiply(new2, multiply(g, g)))
            change = divide(m, add(root(v), least))
            store_first(mean, i, m, left)
            store_first(square, i, v, left)
            store_first(weight, i, add(multiply(w, kept), multiply(step, change)), left)
        first = take_next(counter) * CHUNK
    restore_denormals(control)
