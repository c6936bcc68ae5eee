"""Neurons of a user's own: what those of spikeloom do not try."""

from oracle import spiking_neurons

from spikeloom.neurons import Neuron, Parameter, detach, exp, lif, maximum


def _step(state, spike, current, p):  # type: ignore[no-untyped-def]
    membrane, trace = state
    beta, gain, threshold, rho, jump = p
    membrane = beta * (membrane * (1.0 - detach(spike))) + gain * current
    trace = rho * trace + spike
    return (membrane, trace), membrane - threshold - jump * trace


def _adjoint(d_state, d_margin, state, spike, current, p):  # type: ignore[no-untyped-def]
    d_membrane, d_trace = d_state
    beta, gain, _, rho, jump = p
    d_membrane, d_trace = d_membrane + d_margin, d_trace - jump * d_margin
    return (beta * (d_membrane * (1.0 - spike)), rho * d_trace), d_trace, gain * d_membrane


ADAPTIVE = Neuron(
    "adaptive",
    _step,
    states=("membrane", "trace"),
    parameters=tuple(Parameter(name, 0.5) for name in ("beta", "gain", "threshold", "rho", "jump")),
    adjoint=_adjoint,
)
"""The leaky integrate-and-fire neuron with reset to zero and a threshold that rises by `jump` with every spike; its
adjoint is written by hand."""


def _squared(state, spike, current, p):  # type: ignore[no-untyped-def]
    (membrane,) = state
    beta, gain, threshold = p
    after = membrane * (1.0 - detach(spike))
    after = beta * after + 0.1 * after**2 + gain * current / (1.0 + exp(-membrane))
    after = maximum(after, -2.0)
    return (after,), after - threshold


QUADRATIC = Neuron(
    "quadratic",
    _squared,
    states=("membrane",),
    parameters=tuple(Parameter(name, 0.5) for name in ("beta", "gain", "threshold")),
)
"""A neuron that is not linear in its state: what it did at each step has to be kept for the way back."""

RESET_TO_ZERO = [neuron for neuron in spiking_neurons() if "zero" in neuron.name]

FOR_KERNELS = [*RESET_TO_ZERO, lif.neuron("subtract"), ADAPTIVE, QUADRATIC]
"""What is compiled in tests: other resets make other programs of the same few operations."""

FOR_ALL_WIDTHS = [lif.neuron(), QUADRATIC]
"""What is compiled for other vector registers too: all operations that there are."""
