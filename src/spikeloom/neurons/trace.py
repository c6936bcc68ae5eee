"""A tracer: a function of a neuron, called with values that remember how they were made.

The operators and functions that a neuron may use are few, so the graph that remains is the function itself, whatever
Python it was written in: helper functions, loops over a fixed number, closures.
"""

from collections.abc import Iterable
from typing import Any, NoReturn

from spikeloom.checks import InputError
from spikeloom.neurons.program import Operation, Program

ALLOWED = "+ - * /, whole powers, comparisons, and detach, exp, maximum, minimum, where of spikeloom.neurons"


class Graph:
    """Operations in the order in which they were asked for; the same one on the same values is made once.

    Args:
        inputs: how many values it begins with.
    """

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self.operations: list[Operation] = []
        self._made: dict[Operation, int] = {}

    def values(self) -> list["Value"]:
        """The inputs."""
        return [Value(self, i) for i in range(self.inputs)]

    def make(self, name: str, *operands: "Value") -> "Value":
        """The value that an operation makes."""
        return self._add((name, *(x.number for x in operands)))

    def constant(self, number: float) -> "Value":
        """A constant."""
        return self._add(("constant", float(number)))

    def value(self, x: Any) -> "Value":
        """A traced value as it is, a number as a constant.

        Raises:
            InputError: anything else.
        """
        if isinstance(x, Value):
            return x
        if isinstance(x, (int, float)) and not isinstance(x, bool):
            return self.constant(x)
        if hasattr(x, "item") and getattr(x, "ndim", 1) == 0:
            return self.constant(x.item())
        raise InputError(f"neuron: expected numbers and what its arguments give, got {type(x).__name__}; use {ALLOWED}")

    def operation(self, value: "Value") -> Operation | None:
        """What made a value; None for an input."""
        return None if value.number < self.inputs else self.operations[value.number - self.inputs]

    def known(self, value: "Value") -> float | None:
        """The number that a value is, if it is a constant."""
        made = self.operation(value)
        return made[1] if made is not None and made[0] == "constant" else None

    def program(self, outputs: Iterable["Value"], inputs: Iterable["Value"]) -> Program:
        """The operations that some outputs need, as a program of these inputs; all others have to be in no use."""
        wanted, given = [x.number for x in outputs], [x.number for x in inputs]
        needed = self.needed(wanted)
        numbers = {number: i for i, number in enumerate(given)}
        operations = []
        for i, (name, *operands) in enumerate(self.operations, start=self.inputs):
            if i in needed and i not in numbers:
                taken = operands if name == "constant" else [numbers[j] for j in operands]
                numbers[i] = len(numbers)
                operations.append((name, *taken))
        return Program(len(given), tuple(operations), tuple(numbers[i] for i in wanted))

    def needed(self, wanted: Iterable[int]) -> set[int]:
        """The numbers of all values that some values are made of, themselves included."""
        found, left = set(), list(wanted)
        while left:
            number = left.pop()
            if number in found:
                continue
            found.add(number)
            if number >= self.inputs:
                name, *operands = self.operations[number - self.inputs]
                left += [] if name == "constant" else operands
        return found

    def _add(self, operation: Operation) -> "Value":
        if operation not in self._made:
            self.operations.append(operation)
            self._made[operation] = self.inputs + len(self.operations) - 1
        return Value(self, self._made[operation])


class Value:
    """A number for each neuron, not known yet.

    Args:
        graph: in which it was made.
        number: its place there.
    """

    # NumPy's numbers leave the operators to this class.
    __array_ufunc__ = None

    def __init__(self, graph: Graph, number: int) -> None:
        self.graph, self.number = graph, number

    def __add__(self, other: Any) -> "Value":
        a, b = self, self.graph.value(other)
        for x, y in ((a, b), (b, a)):
            if self.graph.known(x) == 0:
                return y
        return self._made("add", b)

    def __radd__(self, other: Any) -> "Value":
        return self.graph.value(other) + self

    def __sub__(self, other: Any) -> "Value":
        b = self.graph.value(other)
        if self.graph.known(b) == 0:
            return self
        return -b if self.graph.known(self) == 0 else self._made("subtract", b)

    def __rsub__(self, other: Any) -> "Value":
        return self.graph.value(other) - self

    def __mul__(self, other: Any) -> "Value":
        a, b = self, self.graph.value(other)
        for x, y in ((a, b), (b, a)):
            if self.graph.known(x) == 1:
                return y
            if self.graph.known(x) == 0:
                return x
        return self._made("multiply", b)

    def __rmul__(self, other: Any) -> "Value":
        return self.graph.value(other) * self

    def __truediv__(self, other: Any) -> "Value":
        b = self.graph.value(other)
        return self if self.graph.known(b) == 1 or self.graph.known(self) == 0 else self._made("divide", b)

    def __rtruediv__(self, other: Any) -> "Value":
        return self.graph.value(other) / self

    def __neg__(self) -> "Value":
        known = self.graph.known(self)
        return self._made("negate") if known is None else self.graph.constant(-known)

    def __pow__(self, exponent: Any) -> "Value":
        if not isinstance(exponent, int) or exponent < 1:
            raise InputError(f"neuron: expected a whole power of at least 1, got {exponent!r}; use {ALLOWED}")
        result = self
        for _ in range(exponent - 1):
            result = result * self
        return result

    def __abs__(self) -> "Value":
        return (self >= 0.0).where(self, -self)

    def __ge__(self, other: Any) -> "Mask":
        return Mask(self.graph, self.graph.make("at_least", self, self.graph.value(other)).number)

    def __le__(self, other: Any) -> "Mask":
        return self.graph.value(other) >= self

    def __gt__(self, other: Any) -> "Mask":
        return Mask(self.graph, self.graph.make("above", self, self.graph.value(other)).number)

    def __lt__(self, other: Any) -> "Mask":
        return self.graph.value(other) > self

    def exp(self) -> "Value":
        """The exponential."""
        return self._made("exp")

    def detach(self) -> "Value":
        """The same value; the derivation takes it for one that depends on nothing."""
        return self._made("detach")

    def _made(self, name: str, *others: "Value") -> "Value":
        known = [self.graph.known(x) for x in (self, *others)]
        if name in FOLDED and None not in known:
            return self.graph.constant(FOLDED[name](*known))
        return self.graph.make(name, self, *others)

    def __bool__(self) -> NoReturn:
        raise InputError("neuron: expected no `if`, `and` or `or` on its values, got one; use where(condition, a, b)")

    def __float__(self) -> NoReturn:
        raise InputError(f"neuron: expected {ALLOWED}, got a function of another library")

    # Equality would give True or False, and one branch for all neurons.
    __eq__ = __ne__ = __bool__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class Mask(Value):
    """A comparison: it chooses between two values, and is no number."""

    def where(self, a: Any, b: Any) -> Value:
        """`a` where the comparison holds, else `b`."""
        yes, no = self.graph.value(a), self.graph.value(b)
        return yes if yes.number == no.number else self.graph.make("where", self, yes, no)

    def _refuse(self, *_: Any) -> NoReturn:
        raise InputError("neuron: expected numbers, got a comparison; use where(condition, 1.0, 0.0)")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __neg__ = _refuse


FOLDED = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
}
"""What is done at once where all is known."""
