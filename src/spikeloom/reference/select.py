"""The spike selection on its own: which entries of a dense tensor spike, and which are near."""

from jaxtyping import Bool, Float
from torch import Tensor

from spikeloom.reference.fire import fire
from spikeloom.reference.scan import Parameter
from spikeloom.surrogates import Surrogate


def select(
    u: Float[Tensor, "T B N"], *, threshold: Parameter, second_threshold: Parameter, surrogate: Surrogate
) -> tuple[Float[Tensor, "T B N"], Bool[Tensor, "T B N"]]:
    """Select by two thresholds: a spike at the first, a gradient from the second on (Finkbeiner et al. 2024).

        S = 1 where u - threshold >= 0, else 0
        dS/du = surrogate.derivative(u - threshold) where u - threshold >= second_threshold - threshold, else 0

    Args:
        u: membranes.
        threshold: where a neuron spikes; a tensor `[N]` may take a gradient, and carries its window along.
        second_threshold: where the window begins, at most the threshold; -inf for a window without an end.
        surrogate: what stands for the derivative of the spike.

    Returns:
        The spikes, 0 or 1, and the window, True where a spike takes a gradient; both `[T, B, N]`.
    """
    margin, depth = u - threshold, second_threshold - threshold
    return fire(margin, depth, surrogate), margin >= depth
