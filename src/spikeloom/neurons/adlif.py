"""The adaptive leaky integrate-and-fire neuron: a current, driven by membrane and spikes, that works against the input.

    V = R(U[t-1], S[t-1])
    U[t] = beta V + gain I[t] - (1 - beta) W[t-1],    S[t] = 1 where U[t] >= threshold
    W[t] = rho W[t-1] + (1 - rho) (a V + b S[t-1])

the Euler-forward form of Baronig et al. 2025, "Advancing spatio-temporal processing through adaptation in spiking
neural networks", after Bittar and Garner 2022; a gain of 1 - beta gives their scale of the input. Between spikes the
eigenvalues of (U, W) lie inside the unit circle, so that nothing grows without bound, where

    -1 < a < (1 - beta rho) / ((1 - beta) (1 - rho))

(their product is beta rho + (1 - beta)(1 - rho) a, their sum beta + rho). `se_adlif` has a far wider range.
"""

from functools import cache, partial

from spikeloom.neurons.neuron import Neuron, Parameter, decay
from spikeloom.neurons.resets import RESETS, check_reset


def _largest_a(p):
    return (1.0 - p["beta"] * p["rho"]) / ((1.0 - p["beta"]) * (1.0 - p["rho"]))


def parameters(largest_a):
    """Those of this neuron and of `se_adlif`, which differ in how large `a` may be."""
    return (
        decay("beta", 0.9, "tau_ms"),
        decay("rho", 0.98, "tau_adaptation_ms"),
        Parameter("a", 2.0, low=-1.0, high=largest_a),
        Parameter("b", 20.0, low=0.0),
        Parameter("gain", 1.0),
        Parameter("threshold", 1.0, low=0.0),
    )


def _step(reset, state, spike, current, p):
    membrane, adaptation = state
    beta, rho, a, b, gain, threshold = p
    after = RESETS[reset](membrane, spike, threshold)
    membrane = beta * after + gain * current - (1.0 - beta) * adaptation
    adaptation = rho * adaptation + (1.0 - rho) * (a * after + b * spike)
    return (membrane, adaptation), membrane - threshold


@cache
def neuron(reset: str = "zero") -> Neuron:
    """The adaptive neuron; `reset` as in `lif`."""
    check_reset(reset)
    return Neuron(f"adLIF.{reset}", partial(_step, reset), ("membrane", "adaptation"), parameters(_largest_a))
