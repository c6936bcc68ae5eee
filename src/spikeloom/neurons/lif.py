"""The leaky integrate-and-fire neuron, with three resets.

    U[t] = beta R(U[t-1], S[t-1]) + gain I[t],    S[t] = 1 where U[t] >= threshold

where R is U (1 - S) for the reset to zero, U - threshold S for the reset by subtraction, U for none. The reset lets no
gradient through to S (Finkbeiner et al. 2024), so the adjoint of a step, with lam = dL/dU[t], is

    dL/dU[t-1] = beta k lam,    dL/dI[t] = gain lam,    k = 1 - S[t-1] for the reset to zero, else 1.
"""

from functools import cache

from spikeloom.checks import require
from spikeloom.neurons.neuron import Neuron, detach


def _step_zero(state, spike, current, p):
    (membrane,) = state
    beta, gain, threshold = p
    membrane = beta * (membrane * (1.0 - detach(spike))) + gain * current
    return (membrane,), membrane - threshold


def _adjoint_zero(d_state, d_margin, spike, p):
    (d_membrane,) = d_state
    beta, gain, _ = p
    d_membrane = d_membrane + d_margin
    return (beta * (d_membrane * (1.0 - spike)),), 0.0, gain * d_membrane


def _step_subtract(state, spike, current, p):
    (membrane,) = state
    beta, gain, threshold = p
    membrane = beta * (membrane - threshold * detach(spike)) + gain * current
    return (membrane,), membrane - threshold


def _step_none(state, spike, current, p):
    (membrane,) = state
    beta, gain, threshold = p
    membrane = beta * membrane + gain * current
    return (membrane,), membrane - threshold


def _adjoint_through(d_state, d_margin, spike, p):
    (d_membrane,) = d_state
    beta, gain, _ = p
    d_membrane = d_membrane + d_margin
    return (beta * d_membrane,), 0.0, gain * d_membrane


RESETS = {
    "zero": (_step_zero, _adjoint_zero),
    "subtract": (_step_subtract, _adjoint_through),
    "none": (_step_none, _adjoint_through),
}


@cache
def neuron(reset: str = "zero") -> Neuron:
    """The leaky integrate-and-fire neuron.

    Args:
        reset: what a spike does to the membrane: "zero", "subtract" (the threshold) or "none".

    Raises:
        InputError: another reset.
    """
    require(reset in RESETS, "reset", "one of " + ", ".join(RESETS), repr(reset))
    step, adjoint = RESETS[reset]
    return Neuron(f"lif.{reset}", step, adjoint, states=("membrane",), parameters=("beta", "gain", "threshold"))
