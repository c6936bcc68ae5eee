"""What a neuron is: a plain function for one time step, and the names of what it works on."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from spikeloom.checks import require


@dataclass(frozen=True)
class Parameter:
    """A number of a neuron that does not change over time.

    Args:
        name: how `nn.Spiking` takes it.
        default: what it is if nothing else is said.
        low: the lower end of its range; one that is learned stays above it.
        high: the upper end; one that is learned stays below it. A function of the other parameters, by their names,
            where the end depends on them.
        tau: of a decay, the name under which its time constant in ms is taken instead: exp(-dt_ms / tau).
    """

    name: str
    default: float
    low: float = -math.inf
    high: float | Callable[[Mapping[str, Any]], Any] = math.inf
    tau: str | None = None


def decay(name: str, default: float, tau: str) -> Parameter:
    """A factor by which a state shrinks in a step, from 0 to 1."""
    return Parameter(name, default, low=0.0, high=1.0, tau=tau)


@dataclass(frozen=True)
class Neuron:
    """A neuron's equations for one time step.

    The functions use numbers, their arguments, and what `neurons.trace.ALLOWED` lists, so that they run on tensors of
    any dtype, and can be traced and compiled into kernels. The neuron spikes where its margin is at least zero.

    Args:
        name: what messages call it.
        step: `step(state, spike, current, p) -> (state, margin)`. `state` is a tuple as in `states`; `spike` is the
            neuron's own spike of the step before, 0 or 1, through which gradients flow unless `detach` stops them; `p`
            is a tuple as in `parameters`.
        states: the names of the states; the first is the one that pictures show. A list will do, here and below.
        parameters: the parameters.
        adjoint: `adjoint(d_state, d_margin, state, spike, current, p) -> (d_state, d_spike, d_current)`: from the
            loss's derivatives by what `step` returned to those by what it was given, 0.0 where no gradient passes.
            None: it is derived from the step.

    Raises:
        InputError: a name that comes twice, or a text for a tuple of names.
    """

    name: str
    step: Callable[..., Any]
    states: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    adjoint: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        what, remedy = f"neuron {self.name}: states", "mind the comma of a tuple of one"
        require(not isinstance(self.states, str), what, 'a tuple of names, as in ("membrane",)', self.states, remedy)
        # Tuples can be hashed, and so can a neuron be the key of what is made of it.
        object.__setattr__(self, "states", tuple(self.states))
        object.__setattr__(self, "parameters", tuple(self.parameters))
        names = (*self.states, *self.names)
        once = len(set(names)) == len(names)
        require(once, f"neuron {self.name}", "each state and parameter with a name of its own", ", ".join(names))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters."""
        return tuple(parameter.name for parameter in self.parameters)
