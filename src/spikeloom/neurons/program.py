"""What a neuron's functions compute, written down as a list of operations that any kernel can emit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Operation = tuple[Any, ...]
"""The name of an operation and the values it takes, by number; of a "constant", the constant."""


@dataclass(frozen=True)
class Program:
    """Straight-line arithmetic: no branch, no loop, every value made once.

    Args:
        inputs: how many values it takes; they are numbered from 0.
        operations: in order; each makes the value of the next number.
        outputs: the numbers of the values that are its results.
    """

    inputs: int
    operations: tuple[Operation, ...]
    outputs: tuple[int, ...]

    def run(self, inputs: Sequence[Any], arithmetic: Mapping[str, Callable[..., Any]]) -> tuple[Any, ...]:
        """Carry the operations out.

        Args:
            inputs: the values to begin with.
            arithmetic: what does each operation, by its name.
        """
        values = list(inputs)
        for name, *operands in self.operations:
            taken = operands if name == "constant" else [values[i] for i in operands]
            values.append(arithmetic[name](*taken))
        return tuple(values[i] for i in self.outputs)

    def listing(self, inputs: Sequence[str], outputs: Sequence[str]) -> str:
        """The program as text, an operation a line, with names for its inputs and outputs."""
        names = list(inputs)
        lines = []
        for name, *operands in self.operations:
            if name == "constant":
                names.append(f"{operands[0]:g}")
                continue
            taken = [names[i] for i in operands]
            sign = SIGNS.get(name)
            names.append(f"v{len(names)}")
            lines.append(f"{names[-1]} = " + (f" {sign} ".join(taken) if sign else f"{name}({', '.join(taken)})"))
        return "\n".join([*lines, *(f"{name} = {names[i]}" for name, i in zip(outputs, self.outputs, strict=True))])


SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "at_least": ">=", "above": ">"}
"""Of the operations that have one; the others are "negate", "exp", "where" and "constant"."""
