"""The leaky-integrator readout: membranes that neither spike nor reset."""

import torch
from jaxtyping import Float
from torch import Tensor


def readout(
    x: Float[Tensor, "T B I"],
    weight: Float[Tensor, "C I"],
    bias: Float[Tensor, "C"] | None = None,
    state: Float[Tensor, "B C"] | None = None,
    *,
    beta: float | Float[Tensor, "C"],
    gain: float | Float[Tensor, "C"] = 1.0,
) -> tuple[Float[Tensor, "T B C"], Float[Tensor, "B C"]]:
    """Integrate inputs with a leak.

        M[t] = beta M[t-1] + gain (W x[t] + b)

    Args:
        x: inputs, 0 or 1 or any real number.
        weight: W.
        bias: b; None for none.
        state: M of the step before; None for zeros.
        beta: how much of the membrane stays from step to step, from 0 to 1.
        gain: what multiplies the current.

    Returns:
        The membrane at every step, `[T, B, C]`, and after the last step, `[B, C]`.
    """
    membrane = x.new_zeros(x.shape[1], len(weight)) if state is None else state
    membranes = []
    for x_t in x:
        current = x_t @ weight.T  # [B, C]
        membrane = beta * membrane + gain * (current if bias is None else current + bias)
        membranes.append(membrane)
    return torch.stack(membranes), membrane
