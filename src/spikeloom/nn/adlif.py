"""A layer of AdLIF neurons; their equations stand in `neurons.adlif`."""

from typing import Any

from spikeloom.neurons import adlif
from spikeloom.nn.spiking import Spiking


class AdLIF(Spiking):
    """Neurons with an adaptation current that membrane and spikes drive (Bittar and Garner 2022).

        V = R(U[t-1], S[t-1])
        U[t] = beta V + gain I[t] - (1 - beta) W[t-1],    S[t] = 1 where U[t] >= threshold
        W[t] = rho W[t-1] + (1 - rho) (a V + b S[t-1])

    Args:
        in_features: inputs, I.
        out_features: neurons, N.
        reset: R, what a spike does to the membrane: "zero", "subtract" or "none".
        settings: beta, rho, a, b, gain, threshold: numbers or `[N]`; instead of beta tau_ms, instead of rho
            tau_adaptation_ms; a within the stable range that `neurons.adlif` derives. And what `Spiking` takes:
            dt_ms, recurrent, learn, sparse and others.

    Raises:
        InputError: a number out of its range.
    """

    def __init__(self, in_features: int, out_features: int, *, reset: str = "zero", **settings: Any) -> None:
        super().__init__(in_features, out_features, neuron=adlif.neuron(reset), **settings)
