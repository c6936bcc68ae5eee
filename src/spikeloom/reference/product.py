"""The sparse product on its own: currents from spikes and weights."""

from jaxtyping import Float
from torch import Tensor


def product(x: Float[Tensor, "T B I"], weight: Float[Tensor, "N I"]) -> Float[Tensor, "T B N"]:
    """Sum, for each row of x, the weights of the inputs that spiked.

        I[t] = W x[t]

    Args:
        x: inputs, 0 or 1 or any real number.
        weight: W.

    Returns:
        The currents, `[T, B, N]`, dense.
    """
    return x @ weight.T
