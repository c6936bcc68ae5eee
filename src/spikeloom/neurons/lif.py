"""The leaky integrate-and-fire neuron.

    U[t] = beta R(U[t-1], S[t-1]) + gain I[t],    S[t] = 1 where U[t] >= threshold

where R is the reset: U (1 - S), U - threshold S, or U (Finkbeiner et al. 2024).
"""

from functools import cache, partial

from spikeloom.neurons.neuron import Neuron, Parameter, decay
from spikeloom.neurons.resets import RESETS, check_reset

PARAMETERS = (decay("beta", 0.95, "tau_ms"), Parameter("gain", 1.0), Parameter("threshold", 1.0, low=0.0))


def _step(reset, state, spike, current, p):
    (membrane,) = state
    beta, gain, threshold = p
    membrane = beta * RESETS[reset](membrane, spike, threshold) + gain * current
    return (membrane,), membrane - threshold


@cache
def neuron(reset: str = "zero") -> Neuron:
    """The leaky integrate-and-fire neuron.

    Args:
        reset: what a spike does to the membrane: "zero", "subtract" (the threshold) or "none".

    Raises:
        InputError: another reset.
    """
    check_reset(reset)
    return Neuron(f"LIF.{reset}", partial(_step, reset), ("membrane",), PARAMETERS)
