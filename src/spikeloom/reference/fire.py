"""The spike: a step forward, a surrogate's windowed derivative backward."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from spikeloom.surrogates import Surrogate


class _Fire(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, margin: Tensor, depth: Tensor, surrogate: Surrogate, smooth: bool) -> Tensor:
        ctx.save_for_backward(margin, depth)
        ctx.surrogate = surrogate
        if smooth:
            return surrogate.windowed_primitive(margin, depth)
        return (margin >= 0).to(margin.dtype)

    @staticmethod
    def backward(ctx: Any, *d_outputs: Tensor) -> tuple[Tensor, None, None, None]:
        margin, depth = ctx.saved_tensors
        return d_outputs[0] * ctx.surrogate.windowed_derivative(margin, depth), None, None, None


def fire(
    margin: Float[Tensor, "*any"], depth: float | Float[Tensor, "N"], surrogate: Surrogate, *, smooth: bool = False
) -> Float[Tensor, "*any"]:
    """Spike where the margin is at least zero; the gradient is the surrogate's, inside the window alone.

        S = 1 where margin >= 0, else 0
        dS/dmargin = surrogate.derivative(margin) where margin >= depth, else 0

    (Finkbeiner et al. 2024, their gradient with a second threshold; `margin = U - threshold`.)

    Args:
        margin: membrane less threshold; the last dimension is N where depth is a tensor.
        depth: second threshold less threshold, at most 0; -inf for a window without an end.
        surrogate: what stands for the derivative of the step.
        smooth: give the surrogate's primitive, integrated from the window's edge on, in place of the spike. Backward
            does the very same, so that finite differences of this function test it; `depth` must be finite then.

    Returns:
        The spikes, 0 or 1, in the shape and dtype of `margin`.
    """
    edge = torch.as_tensor(depth, dtype=margin.dtype, device=margin.device).detach()
    spikes: Tensor = _Fire.apply(margin, edge, surrogate, smooth)  # type: ignore[no-untyped-call]
    return spikes
