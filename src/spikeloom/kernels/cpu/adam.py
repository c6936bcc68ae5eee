"""A step of Adam, each number of weight, gradient and moments visited once."""

from spikeloom.kernels.cpu.bits import flush_denormals, load_first, restore_denormals, store_first, take_next
from spikeloom.kernels.cpu.compile import kernel
from spikeloom.kernels.cpu.simd import BLOCK, add, divide, full, multiply, root, subtract

CHUNK = 1 << 14


@kernel
def adam(counter, width, weight, gradient, mean, square, new1, keep2, new2, l2, shrink, rate, bias, eps):
    """Change weights and moments by a gradient (Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019).

    Args:
        counter: shared task counter; a task is a chunk of numbers.
        width: lanes.
        weight: [M] float32, changed.
        gradient: [M] float32.
        mean: [M] float32, the first moment, changed.
        square: [M] float32, the second moment, changed.
        new1: float32, 1 - beta1, the part of the first moment that is new; a difference taken in float64, since float32
            has 1 - 0.999 to five digits alone.
        keep2: float32, beta2, what the second moment keeps.
        new2: float32, 1 - beta2, likewise.
        l2: float32, times the weight is added to the gradient: Adam's weight decay.
        shrink: float32, times the weight comes before the step: one less AdamW's weight decay.
        rate: float32, the learning rate over 1 - beta1^t.
        bias: float32, the square root of 1 - beta2^t.
        eps: float32, added to the root of the second moment.
    """
    control = flush_denormals()
    size = len(weight)
    first_new, second_kept, second_new = full(width, new1), full(width, keep2), full(width, new2)
    # m / (sqrt(v) / bias + eps), with one division.
    decay, kept, step, least = full(width, l2), full(width, shrink), full(width, -rate * bias), full(width, eps * bias)
    first = take_next(counter) * CHUNK
    while first < size:
        for i in range(first, min(first + CHUNK, size), BLOCK):
            left = size - i
            w, m, v = (load_first(width, weight, i, left), load_first(width, mean, i, left),
                       load_first(width, square, i, left))  # fmt: skip
            g = add(load_first(width, gradient, i, left), multiply(decay, w))
            m = add(m, multiply(first_new, subtract(g, m)))
            v = add(multiply(second_kept, v), multiply(second_new, multiply(g, g)))
            change = divide(m, add(root(v), least))
            store_first(mean, i, m, left)
            store_first(square, i, v, left)
            store_first(weight, i, add(multiply(w, kept), multiply(step, change)), left)
        first = take_next(counter) * CHUNK
    restore_denormals(control)
