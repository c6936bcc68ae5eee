"""The leaky integrate-and-fire neuron with a synaptic current (CuBa: current-based synapses).

    J[t] = alpha J[t-1] + I[t]
    U[t] = beta R(U[t-1], S[t-1]) + gain J[t],    S[t] = 1 where U[t] >= threshold

(Cramer et al. 2022; the resets are those of `lif`).
"""

from functools import cache, partial

from spikeloom.neurons.neuron import Neuron, Parameter, decay
from spikeloom.neurons.resets import RESETS, check_reset

PARAMETERS = (
    decay("beta", 0.95, "tau_ms"),
    decay("alpha", 0.8, "tau_synapse_ms"),
    Parameter("gain", 1.0),
    Parameter("threshold", 1.0, low=0.0),
)


def _step(reset, state, spike, current, p):
    membrane, synapse = state
    beta, alpha, gain, threshold = p
    synapse = alpha * synapse + current
    membrane = beta * RESETS[reset](membrane, spike, threshold) + gain * synapse
    return (membrane, synapse), membrane - threshold


@cache
def neuron(reset: str = "zero") -> Neuron:
    """The current-based leaky integrate-and-fire neuron; `reset` as in `lif`."""
    check_reset(reset)
    return Neuron(f"CuBaLIF.{reset}", partial(_step, reset), ("membrane", "synapse"), PARAMETERS)
