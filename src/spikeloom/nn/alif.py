"""A layer of ALIF neurons; their equations stand in `neurons.alif`."""

from typing import Any

from spikeloom.neurons import alif
from spikeloom.nn.spiking import Spiking


class ALIF(Spiking):
    """Neurons whose threshold rises with their own spikes (Bellec et al. 2018).

        A[t] = rho A[t-1] + (1 - rho) S[t-1]
        U[t] = beta R(U[t-1], S[t-1]) + gain I[t],    S[t] = 1 where U[t] >= threshold + strength A[t]

    Args:
        in_features: inputs, I.
        out_features: neurons, N.
        reset: R, what a spike does to the membrane: "zero", "subtract" or "none".
        settings: beta, rho, strength, gain, threshold: numbers or `[N]`; instead of beta tau_ms, instead of rho
            tau_adaptation_ms. And what `Spiking` takes: dt_ms, recurrent, learn, sparse and others.

    Raises:
        InputError: a number out of its range.
    """

    def __init__(self, in_features: int, out_features: int, *, reset: str = "zero", **settings: Any) -> None:
        super().__init__(in_features, out_features, neuron=alif.neuron(reset), **settings)
