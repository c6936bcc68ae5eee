"""A layer of CuBaLIF neurons; their equations stand in `neurons.cuba_lif`."""

from typing import Any

from spikeloom.neurons import cuba_lif
from spikeloom.nn.spiking import Spiking


class CuBaLIF(Spiking):
    """Leaky integrate-and-fire neurons with a synaptic current (Cramer et al. 2022).

        J[t] = alpha J[t-1] + I[t]
        U[t] = beta R(U[t-1], S[t-1]) + gain J[t],    S[t] = 1 where U[t] >= threshold

    Args:
        in_features: inputs, I.
        out_features: neurons, N.
        reset: R, what a spike does to the membrane: "zero", "subtract" or "none".
        settings: beta, alpha, gain, threshold: numbers or `[N]`; instead of beta tau_ms, instead of alpha
            tau_synapse_ms. And what `Spiking` takes: dt_ms, recurrent, learn, sparse and others.

    Raises:
        InputError: a number out of its range.
    """

    def __init__(self, in_features: int, out_features: int, *, reset: str = "zero", **settings: Any) -> None:
        super().__init__(in_features, out_features, neuron=cuba_lif.neuron(reset), **settings)
