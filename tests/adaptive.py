"""A neuron with two states whose step lets a gradient through to its spike: what LIF alone does not try."""

from spikeloom.neurons import Neuron
from spikeloom.neurons.neuron import detach


def _step(state, spike, current, p):  # type: ignore[no-untyped-def]
    membrane, trace = state
    beta, gain, threshold, rho, jump = p
    membrane = beta * (membrane * (1.0 - detach(spike))) + gain * current
    trace = rho * trace + spike
    return (membrane, trace), membrane - threshold - jump * trace


def _adjoint(d_state, d_margin, spike, p):  # type: ignore[no-untyped-def]
    d_membrane, d_trace = d_state
    beta, gain, _, rho, jump = p
    d_membrane, d_trace = d_membrane + d_margin, d_trace - jump * d_margin
    return (beta * (d_membrane * (1.0 - spike)), rho * d_trace), d_trace, gain * d_membrane


ADAPTIVE = Neuron(
    "adaptive",
    _step,
    _adjoint,
    states=("membrane", "trace"),
    parameters=("beta", "gain", "threshold", "rho", "jump"),
)
"""The leaky integrate-and-fire neuron with reset to zero and a threshold that rises by `jump` with every spike."""
