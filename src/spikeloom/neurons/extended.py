"""What any neuron can be given beside its own equations: a refractory period, a connection to itself."""

from dataclasses import replace
from functools import cache, partial

from spikeloom.checks import require
from spikeloom.neurons.functions import detach, maximum, where
from spikeloom.neurons.neuron import Neuron, Parameter

NEVER = -1e9
"""The margin of a neuron that cannot spike."""


def _resting_step(neuron, steps, state, spike, current, p):
    *own, rest = state
    rest = maximum(detach(rest) - 1.0, 0.0) + steps * detach(spike)
    resting = rest >= 0.5
    after, margin = neuron.step(tuple(own), spike, where(resting, 0.0, current), p)
    return (*after, rest), where(resting, NEVER, margin)


def _hearing_step(neuron, state, spike, current, p):
    *own, weight = p
    return neuron.step(state, spike, current + weight * spike, tuple(own))


@cache
def refractory(neuron: Neuron, steps: int) -> Neuron:
    """The neuron, deaf and silent for so many steps after each of its spikes.

        rest[t] = max(rest[t-1] - 1, 0) + steps S[t-1]

    While rest[t] > 0 its current is taken as zero and it does not spike; its states go on by themselves.

    Args:
        neuron: any.
        steps: 0 gives the neuron as it is.

    Raises:
        InputError: a number below 0.
    """
    require(isinstance(steps, int) and steps >= 0, "refractory", "a whole number of steps, 0 or more", repr(steps))
    if steps == 0:
        return neuron

    # The step alone describes it: an adjoint of the neuron's own knows no rest.
    step = partial(_resting_step, neuron, steps)
    return replace(neuron, step=step, states=(*neuron.states, "rest"), adjoint=None)


@cache
def one_to_one(neuron: Neuron) -> Neuron:
    """The neuron hearing its own spike of the step before, by a weight: I[t] + self_weight S[t-1].

    The gradient flows through that spike, as it does between the neurons of a recurrent layer.
    """

    step = partial(_hearing_step, neuron)
    return replace(neuron, step=step, parameters=(*neuron.parameters, Parameter("self_weight", 0.0)), adjoint=None)
