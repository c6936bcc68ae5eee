"""The adjoint of a neuron's step, by the chain rule on its trace."""

from collections.abc import Callable

from spikeloom.neurons.trace import Graph, Value


def gradients(graph: Graph, outputs: list[tuple[Value, Value]]) -> Callable[[Value], Value]:
    """Go from the derivatives by what a function returned to those by what it was made of.

    Args:
        graph: in which the function was traced; what the derivatives need is added to it.
        outputs: each value that was returned, with the loss's derivative by it.

    Returns:
        The derivative by any value; a constant zero where the outputs do not depend on it.
    """
    zero = graph.constant(0.0)
    found: dict[int, Value] = {}
    for value, d in outputs:
        found[value.number] = found[value.number] + d if value.number in found else d
    last = max(value.number for value, _ in outputs)
    for number in range(last, graph.inputs - 1, -1):
        if number not in found:
            continue
        name, *operands = graph.operations[number - graph.inputs]
        if name in RULES:
            taken = [Value(graph, i) for i in operands]
            for operand, d in RULES[name](found[number], Value(graph, number), *taken):
                before = found.get(operand.number)
                found[operand.number] = d if before is None else before + d
    return lambda value: found.get(value.number, zero)


Terms = list[tuple[Value, Value]]
"""Values that an operation takes, each with what it adds to the derivative by it."""


def _divide(d: Value, result: Value, a: Value, b: Value) -> Terms:
    return [(a, d / b), (b, -(d * result) / b)]


def _where(d: Value, result: Value, mask: Value, a: Value, b: Value) -> Terms:
    zero = d.graph.constant(0.0)
    choose = d.graph.make
    return [(a, choose("where", mask, d, zero)), (b, choose("where", mask, zero, d))]


RULES: dict[str, Callable[..., Terms]] = {
    "add": lambda d, result, a, b: [(a, d), (b, d)],
    "subtract": lambda d, result, a, b: [(a, d), (b, -d)],
    "multiply": lambda d, result, a, b: [(a, d * b), (b, d * a)],
    "divide": _divide,
    "negate": lambda d, result, a: [(a, -d)],
    "exp": lambda d, result, a: [(a, d * result)],
    "where": _where,
}
"""What lets a gradient through, and how; comparisons, constants and `detach` do not."""
