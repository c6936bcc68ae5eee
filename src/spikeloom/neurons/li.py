"""The leaky integrator, a readout that does not spike.

    M[t] = beta M[t-1] + gain I[t]

(Finkbeiner et al. 2024). Its margin is its membrane: the output at every step.
"""

from functools import cache

from spikeloom.neurons.neuron import Neuron, Parameter, decay


def _step(state, spike, current, p):
    (membrane,) = state
    beta, gain = p
    membrane = beta * membrane + gain * current
    return (membrane,), membrane


@cache
def neuron() -> Neuron:
    """The leaky integrator."""
    return Neuron("LI", _step, ("membrane",), (decay("beta", 0.95, "tau_ms"), Parameter("gain", 1.0)))
