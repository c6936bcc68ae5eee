"""The leaky integrate-and-fire neuron whose threshold rises with its own spikes, and falls back.

    A[t] = rho A[t-1] + (1 - rho) S[t-1]
    U[t] = beta R(U[t-1], S[t-1]) + gain I[t],    S[t] = 1 where U[t] >= threshold + strength A[t]

(Bellec et al. 2018, "Long short-term memory and learning-to-learn in networks of spiking neurons"; they reset by
subtraction, of the threshold as it was at the spike). The gradient flows through the adaptation, not through the reset.
"""

from functools import cache, partial

from spikeloom.neurons.neuron import Neuron, Parameter, decay
from spikeloom.neurons.resets import RESETS, check_reset

PARAMETERS = (
    decay("beta", 0.95, "tau_ms"),
    decay("rho", 0.98, "tau_adaptation_ms"),
    Parameter("strength", 1.8, low=0.0),
    Parameter("gain", 1.0),
    Parameter("threshold", 1.0, low=0.0),
)


def _step(reset, state, spike, current, p):
    membrane, adaptation = state
    beta, rho, strength, gain, threshold = p
    after = RESETS[reset](membrane, spike, threshold + strength * adaptation)
    adaptation = rho * adaptation + (1.0 - rho) * spike
    membrane = beta * after + gain * current
    return (membrane, adaptation), membrane - threshold - strength * adaptation


@cache
def neuron(reset: str = "zero") -> Neuron:
    """The neuron with an adaptive threshold; `reset` as in `lif`."""
    check_reset(reset)
    return Neuron(f"ALIF.{reset}", partial(_step, reset), ("membrane", "adaptation"), PARAMETERS)
