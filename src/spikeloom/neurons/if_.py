"""The integrate-and-fire neuron, whose membrane forgets nothing: `lif` with beta = 1.

U[t] = R(U[t-1], S[t-1]) + gain I[t],    S[t] = 1 where U[t] >= threshold
"""

from functools import cache, partial

from spikeloom.neurons.neuron import Neuron, Parameter
from spikeloom.neurons.resets import RESETS, check_reset

PARAMETERS = (Parameter("gain", 1.0), Parameter("threshold", 1.0, low=0.0))


def _step(reset, state, spike, current, p):
    (membrane,) = state
    gain, threshold = p
    membrane = RESETS[reset](membrane, spike, threshold) + gain * current
    return (membrane,), membrane - threshold


@cache
def neuron(reset: str = "zero") -> Neuron:
    """The integrate-and-fire neuron; `reset` as in `lif`."""
    check_reset(reset)
    return Neuron(f"IF.{reset}", partial(_step, reset), ("membrane",), PARAMETERS)
