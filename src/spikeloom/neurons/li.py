"""The leaky integrator, a readout that does not spike.

    M[t] = beta M[t-1] + gain I[t]

(Finkbeiner et al. 2024). Its margin is its membrane: the output at every step.
"""

from spikeloom.neurons.neuron import Neuron


def _step(state, spike, current, p):
    (membrane,) = state
    beta, gain = p
    membrane = beta * membrane + gain * current
    return (membrane,), membrane


def _adjoint(d_state, d_margin, spike, p):
    (d_membrane,) = d_state
    beta, gain = p
    d_membrane = d_membrane + d_margin
    return (beta * d_membrane,), 0.0, gain * d_membrane


def neuron() -> Neuron:
    """The leaky integrator."""
    return Neuron("li", _step, _adjoint, states=("membrane",), parameters=("beta", "gain"))
