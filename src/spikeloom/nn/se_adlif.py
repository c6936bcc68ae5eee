"""A layer of SEAdLIF neurons; their equations stand in `neurons.se_adlif`."""

from typing import Any

from spikeloom.neurons import se_adlif
from spikeloom.nn.spiking import Spiking


class SEAdLIF(Spiking):
    """Neurons with an adaptation current, in the stable symplectic Euler form (Baronig et al. 2025).

        V = R(U[t-1], S[t-1])
        W[t] = rho W[t-1] + (1 - rho) (a V + b S[t-1])
        U[t] = beta V + gain I[t] - (1 - beta) W[t],    S[t] = 1 where U[t] >= threshold

    Args:
        in_features: inputs, I.
        out_features: neurons, N.
        reset: R, what a spike does to the membrane: "zero", "subtract" or "none".
        settings: beta, rho, a, b, gain, threshold: numbers or `[N]`; instead of beta tau_ms, instead of rho
            tau_adaptation_ms; a within the stable range that `neurons.se_adlif` derives. And what `Spiking` takes:
            dt_ms, recurrent, learn, sparse and others.

    Raises:
        InputError: a number out of its range.
    """

    def __init__(self, in_features: int, out_features: int, *, reset: str = "zero", **settings: Any) -> None:
        super().__init__(in_features, out_features, neuron=se_adlif.neuron(reset), **settings)
