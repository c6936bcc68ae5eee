"""A neuron as kernels take it: its step and its adjoint as programs, and what has to be kept between the two."""

import hashlib
import json
from dataclasses import astuple, dataclass
from functools import cache, cached_property
from typing import Any

from spikeloom.checks import InputError, require
from spikeloom.neurons.derive import gradients
from spikeloom.neurons.neuron import Neuron
from spikeloom.neurons.program import Operation, Program
from spikeloom.neurons.trace import ALLOWED, Graph, Value


@dataclass(frozen=True)
class Equations:
    """One time step of a neuron, forward and backward.

    Args:
        states: how many there are, S.
        parameters: how many there are, P.
        kept: what the backward pass needs of the forward pass beside the spikes, of each step: states before it, by
            number, and S for the current.
        learned: the parameters by which there is a gradient, by number.
        step: from S states, spike, current, P parameters to S states and the margin.
        adjoint: from the derivatives by S states and by the margin, the spike, P parameters and what is kept, to the
            derivatives by S states, spike, current and the learned parameters.
    """

    states: int
    parameters: int
    kept: tuple[int, ...]
    learned: tuple[int, ...]
    step: Program
    adjoint: Program

    @cached_property
    def text(self) -> str:
        """All of it as text; `from_text` reads it. Equal texts make equal kernels."""
        return json.dumps(astuple(self), separators=(",", ":"))

    @cached_property
    def digest(self) -> str:
        """A short name of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:32]


@cache
def from_text(text: str) -> Equations:
    """The equations that a text holds."""
    states, parameters, kept, learned, step, adjoint = json.loads(text)
    return Equations(states, parameters, tuple(kept), tuple(learned), _program(*step), _program(*adjoint))


def _program(inputs: int, operations: list[Any], outputs: list[int]) -> Program:
    return Program(inputs, tuple(map(tuple, operations)), tuple(outputs))


@cache
def equations(neuron: Neuron, learned: tuple[str, ...] = ()) -> Equations:
    """Trace a neuron's step, and its adjoint or, where it has none, derive one.

    Args:
        neuron: whose functions to trace.
        learned: the parameters by which a gradient is wanted.

    Raises:
        InputError: functions that use more than `trace.ALLOWED`, or return something else than they should.
    """
    states, names = len(neuron.states), neuron.names
    graph = Graph(2 * states + 3 + len(names))
    values = iter(graph.values())
    state = tuple(next(values) for _ in range(states))
    spike, current = next(values), next(values)
    p = tuple(next(values) for _ in names)
    d_state, d_margin = tuple(next(values) for _ in range(states)), next(values)

    *after, margin = _traced(graph, neuron, "step", (state, spike, current, p), "(state, margin)")
    step = graph.program((*after, margin), (*state, spike, current, *p))
    by = gradients(graph, [*zip(after, d_state, strict=True), (margin, d_margin)])
    back = [by(x) for x in (*state, spike, current)]
    if neuron.adjoint is not None:
        given = (d_state, d_margin, state, spike, current, p)
        back = _traced(graph, neuron, "adjoint", given, "(d_state, d_spike, d_current)")
    wanted = tuple(i for i, name in enumerate(names) if name in learned)
    back += [by(p[i]) for i in wanted]
    needed = graph.needed(x.number for x in back)
    kept = tuple(i for i, x in enumerate((*state, current)) if x.number in needed)
    saved = [(*state, current)[i] for i in kept]
    adjoint = graph.program(back, (*d_state, d_margin, spike, *p, *saved))
    return Equations(states, len(names), kept, wanted, _plain(step), _plain(adjoint))


def _traced(graph: Graph, neuron: Neuron, function: str, given: tuple[Any, ...], form: str) -> list[Value]:
    """What a function returns, in one list."""
    what, states = f"{neuron.name}.{function}", len(neuron.states)
    try:
        returned = getattr(neuron, function)(*given)
    except (TypeError, AttributeError) as error:
        # A function of another library, or a tensor's method, was asked for.
        raise InputError(f"{what}: expected {ALLOWED}, got something else: {error}") from error
    try:
        state, *others = returned
        values = [*state, *others]
    except TypeError:
        raise InputError(f"{what}: expected {form}, state a tuple of {states}, got {returned!r}") from None
    fits = len(state) == states and len(others) == form.count(",")
    require(fits, what, f"{form}, state a tuple of {states}", f"a tuple of {len(state)} and {len(others)} more")
    return [graph.value(x) for x in values]


def _plain(program: Program) -> Program:
    """The program without `detach`, which computes nothing."""
    same: dict[int, int] = {}
    operations: list[Operation] = []
    for i, (name, *operands) in enumerate(program.operations, start=program.inputs):
        taken: list[Any] = operands if name == "constant" else [same.get(j, j) for j in operands]
        if name == "detach":
            same[i] = taken[0]
        else:
            same[i] = program.inputs + len(operations)
            operations.append((name, *taken))
    return Program(program.inputs, tuple(operations), tuple(same.get(i, i) for i in program.outputs))
