"""A layer of IF neurons; their equations stand in `neurons.if_`."""

from typing import Any

from spikeloom.neurons import if_
from spikeloom.nn.spiking import Spiking


class IF(Spiking):
    """Integrate-and-fire neurons, whose membranes forget nothing.

        U[t] = R(U[t-1], S[t-1]) + gain I[t],    S[t] = 1 where U[t] >= threshold

    Args:
        in_features: inputs, I.
        out_features: neurons, N.
        reset: R, what a spike does to the membrane: "zero", "subtract" or "none".
        settings: gain, threshold: numbers or `[N]`; threshold at least 0. And what `Spiking`
            takes: dt_ms, recurrent, learn, sparse and others.

    Raises:
        InputError: a number out of its range.
    """

    def __init__(self, in_features: int, out_features: int, *, reset: str = "zero", **settings: Any) -> None:
        super().__init__(in_features, out_features, neuron=if_.neuron(reset), **settings)
