"""Neurons and surrogates inside kernels: their programs are constants, carried out while a kernel is compiled."""

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

import triton
import triton.language as tl

from spikeloom import surrogates
from spikeloom.neurons import Equations, exp, where
from spikeloom.neurons.trace import Graph


@triton.jit
def run(values, OPERATIONS: tl.constexpr):
    """All values of a program, its inputs first, as `neurons.program.Program` numbers them."""
    for i in tl.static_range(len(OPERATIONS)):
        values = values + (_operate(values, OPERATIONS[i]),)
    return values


@triton.jit
def _operate(values, OPERATION: tl.constexpr):
    name: tl.constexpr = OPERATION[0]
    if name == "constant":
        result = tl.full(values[0].shape, OPERATION[1], tl.float32)
    elif name == "add":
        result = values[OPERATION[1]] + values[OPERATION[2]]
    elif name == "subtract":
        result = values[OPERATION[1]] - values[OPERATION[2]]
    elif name == "multiply":
        result = values[OPERATION[1]] * values[OPERATION[2]]
    elif name == "divide":
        result = tl.div_rn(values[OPERATION[1]], values[OPERATION[2]])
    elif name == "negate":
        result = -values[OPERATION[1]]
    elif name == "at_least":
        result = values[OPERATION[1]] >= values[OPERATION[2]]
    elif name == "above":
        result = values[OPERATION[1]] > values[OPERATION[2]]
    elif name == "where":
        result = tl.where(values[OPERATION[1]], values[OPERATION[2]], values[OPERATION[3]])
    else:
        tl.static_assert(name == "exp", "an operation that neurons.program does not name")
        result = tl.exp(values[OPERATION[1]])
    return result


@triton.jit
def chosen(values, NUMBERS: tl.constexpr):
    """The values of those numbers."""
    found = ()
    for i in tl.static_range(len(NUMBERS)):
        found = found + (values[NUMBERS[i]],)
    return found


@triton.jit
def load_all(pointer, stride, COUNT: tl.constexpr):
    """So many blocks, each `stride` behind the one before."""
    values = ()
    for i in tl.static_range(COUNT):
        values = values + (tl.load(pointer + i * stride),)
    return values


@triton.jit
def store_all(pointer, stride, values):
    """The counterpart of `load_all`."""
    for i in tl.static_range(len(values)):
        tl.store(pointer + i * stride, values[i])


@triton.jit
def add_all(a, b):
    """The sums of two tuples of blocks."""
    sums = ()
    for i in tl.static_range(len(a)):
        sums = sums + (a[i] + b[i],)
    return sums


@triton.jit
def zeros(like, COUNT: tl.constexpr):
    """So many blocks of zeros."""
    values = ()
    for _ in tl.static_range(COUNT):
        values = values + (tl.zeros_like(like),)
    return values


def step_constants(equations: Equations) -> dict[str, Any]:
    """What a kernel that runs a neuron's step has to know of it."""
    return {
        "STATES": equations.states,
        "PARAMETERS": equations.parameters,
        "KEPT": equations.kept,
        "STEP": equations.step.operations,
        "STEP_OUTPUTS": equations.step.outputs,
    }


def adjoint_constants(equations: Equations) -> dict[str, Any]:
    """What a kernel that runs a neuron's adjoint has to know of it."""
    return {
        "STATES": equations.states,
        "PARAMETERS": equations.parameters,
        "KEPT": len(equations.kept),
        "LEARNED": len(equations.learned),
        "ADJOINT": equations.adjoint.operations,
        "ADJOINT_OUTPUTS": equations.adjoint.outputs,
    }


@cache
def slope_constants(spec: str) -> dict[str, Any]:
    """What a kernel that takes a surrogate's derivative has to know of it: a program of the margin alone."""
    surrogate = surrogates.from_spec(spec)
    graph = Graph(1)
    (margin,) = graph.values()
    program = graph.program([graph.value(_traceable(type(surrogate).slope)(margin, surrogate.scale))], [margin])
    return {"SLOPE": program.operations, "SLOPE_OUTPUT": program.outputs[0]}


def _traceable(slope: Callable[..., Any]) -> Callable[..., Any]:
    """The same function with the functions of traced values in place of those of tensors."""
    taken = {surrogates.exp: exp, surrogates.where: where}
    names = {name: taken.get(value, value) if callable(value) else value for name, value in slope.__globals__.items()}
    return FunctionType(slope.__code__, names)
