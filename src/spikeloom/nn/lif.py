"""A layer of leaky integrate-and-fire neurons."""

from typing import Any

from torch import Tensor

from spikeloom.neurons import lif
from spikeloom.nn.spiking import Spiking


class LIF(Spiking):
    """Leaky integrate-and-fire neurons, feed-forward or recurrent (Finkbeiner et al. 2024).

        I[t] = W X[t] + V S[t-1] + b
        U[t] = beta R(U[t-1], S[t-1]) + gain I[t]
        S[t] = 1 where U[t] >= threshold, else 0

    R is the reset: U (1 - S) for "zero", U - threshold S for "subtract", U for "none"; it carries no gradient. The
    surrogate derivative is cut to zero where U < second_threshold.

    Args:
        in_features: inputs, I.
        out_features: neurons, N.
        beta: decay of the membrane in a step, from 0 to 1; a number or `[N]`. Default 0.95.
        tau_ms: instead of beta, the membrane's time constant in ms: beta = exp(-dt_ms / tau_ms).
        threshold: of the membrane, a number or `[N]`, at least 0.
        second_threshold: lower edge of the gradient window, at most the threshold; a number or `[N]`, -inf for none.
        gain: factor of the current, a number or `[N]`.
        reset: "zero", "subtract" or "none".
        settings: what `Spiking` takes: dt_ms, recurrent, learn, sparse and others.

    Raises:
        InputError: a number out of its range.

    Example:
        >>> layer = LIF(700, 128, tau_ms=20, dt_ms=1, recurrent=True)
        >>> spikes, state = layer(torch.zeros(100, 8, 700))
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        beta: float | Tensor | None = None,
        tau_ms: float | Tensor | None = None,
        threshold: float | Tensor = 1.0,
        second_threshold: float | Tensor | None = None,
        gain: float | Tensor = 1.0,
        reset: str = "zero",
        **settings: Any,
    ) -> None:
        super().__init__(
            in_features,
            out_features,
            neuron=lif.neuron(reset),
            beta=beta,
            tau_ms=tau_ms,
            threshold=threshold,
            second_threshold=second_threshold,
            gain=gain,
            **settings,
        )
