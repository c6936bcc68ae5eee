"""The adaptive leaky integrate-and-fire neuron in its symplectic Euler form, which stays stable where `adlif` does not.

    V = R(U[t-1], S[t-1])
    W[t] = rho W[t-1] + (1 - rho) (a V + b S[t-1])
    U[t] = beta V + gain I[t] - (1 - beta) W[t],    S[t] = 1 where U[t] >= threshold

(Baronig et al. 2025, "Advancing spatio-temporal processing through adaptation in spiking neural networks"). Their
W[t-1] is W[t] here: it is computed from the spike of the step before. A gain of 1 - beta gives their scale of the
input. Between spikes the eigenvalues of (U, W) lie inside the unit circle where

    -1 < a < (1 + beta) (1 + rho) / ((1 - beta) (1 - rho))

(their product is beta rho, their sum beta + rho - (1 - beta)(1 - rho) a).
"""

from functools import cache, partial

from spikeloom.neurons.adlif import parameters
from spikeloom.neurons.neuron import Neuron
from spikeloom.neurons.resets import RESETS, check_reset


def _largest_a(p):
    return (1.0 + p["beta"]) * (1.0 + p["rho"]) / ((1.0 - p["beta"]) * (1.0 - p["rho"]))


def _step(reset, state, spike, current, p):
    membrane, adaptation = state
    beta, rho, a, b, gain, threshold = p
    after = RESETS[reset](membrane, spike, threshold)
    adaptation = rho * adaptation + (1.0 - rho) * (a * after + b * spike)
    membrane = beta * after + gain * current - (1.0 - beta) * adaptation
    return (membrane, adaptation), membrane - threshold


@cache
def neuron(reset: str = "zero") -> Neuron:
    """The adaptive neuron in symplectic form; `reset` as in `lif`."""
    check_reset(reset)
    return Neuron(f"SE-adLIF.{reset}", partial(_step, reset), ("membrane", "adaptation"), parameters(_largest_a))
