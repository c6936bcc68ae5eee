"""What a neuron is: two plain functions and the names of what they work on."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spikeloom.checks import require


@dataclass(frozen=True)
class Neuron:
    """A neuron's equations for one time step.

    Both functions use nothing but their arguments, numbers, `detach` and the operators `+ - *`, so that they run on
    tensors of any dtype and inside compiled kernels alike. The neuron spikes where its margin is at least zero.

    Args:
        name: `module` or `module.variant`, from which `named` finds it again.
        step: `step(state, spike, current, p) -> (state, margin)`. `state` is a tuple as in `states`; `spike` is the
            neuron's own spike of the step before, 0 or 1; `p` is a tuple as in `parameters`.
        adjoint: `adjoint(d_state, d_margin, spike, p) -> (d_state, d_spike, d_current)`: from the loss's derivatives by
            what `step` returned to those by what it was given. `d_spike` is 0.0 where no gradient passes.
        states: the names of the states.
        parameters: the names of the parameters.
    """

    name: str
    step: Callable[..., Any]
    adjoint: Callable[..., Any]
    states: tuple[str, ...]
    parameters: tuple[str, ...]


def detach(x: Any) -> Any:
    """The same value with no gradient through it; kernels compile it away."""
    return x.detach() if hasattr(x, "detach") else x


def named(name: str) -> Neuron:
    """The neuron called `module` or `module.variant`, as in `lif.zero`.

    Raises:
        InputError: no such neuron.
    """
    module, _, variant = name.partition(".")
    try:
        found: Neuron = importlib.import_module(f"spikeloom.neurons.{module}").neuron(*([variant] if variant else []))
    except ModuleNotFoundError:
        require(False, "neuron", "the name of a module in spikeloom.neurons", name)
        raise
    return found
