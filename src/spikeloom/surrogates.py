"""Surrogate gradients: smooth stand-ins for the step that makes a spike, each with its derivative.

A neuron spikes where its margin `x` (membrane less threshold) is at least zero. The backward pass replaces that step's
derivative by the surrogate's, and cuts it to zero below the gradient window (Finkbeiner et al. 2024): there the
surrogate's primitive is flat.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from spikeloom.checks import require


def exp(x: Any) -> Any:
    """The exponential of a tensor; kernels put their own in its place."""
    return torch.exp(x)


def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` where a comparison of tensors holds, else `b`; kernels put their own in its place."""
    return torch.where(condition, a, b)


@dataclass(frozen=True)
class Surrogate(ABC):
    """A pair of functions of the margin: `primitive` and its `derivative`.

    A kind of surrogate is a subclass: it gives `formula`, `primitive` and a static method `slope(x, k)`, the derivative
    as a function of margin and scale. That uses nothing but arithmetic, comparisons, `abs` and this module's `exp` and
    `where`, so that it runs on tensors of any dtype and inside compiled kernels alike.

    Args:
        scale: the number that sets the width; what it means stands in the formula.
    """

    scale: float
    formula: ClassVar[str]

    def __post_init__(self) -> None:
        require(0 < self.scale < math.inf, "scale", "a finite number above 0", self.scale)

    @staticmethod
    @abstractmethod
    def slope(x: Any, k: Any) -> Any:
        """The derivative as a function of margin and scale."""

    @abstractmethod
    def primitive(self, margin: Tensor) -> Tensor:
        """The smooth step, of any shape and float dtype."""

    def derivative(self, margin: Tensor) -> Tensor:
        """What stands for the derivative of the spike by the margin."""
        return type(self).slope(margin, self.scale)  # type: ignore[no-any-return]

    def windowed_primitive(self, margin: Tensor, depth: Tensor | float) -> Tensor:
        """The primitive integrated from the window's edge on: flat where `margin < depth`."""
        edge = torch.as_tensor(depth, dtype=margin.dtype, device=margin.device)
        return self.primitive(torch.maximum(margin, edge)) - self.primitive(edge)

    def windowed_derivative(self, margin: Tensor, depth: Tensor | float) -> Tensor:
        """The derivative inside the window, zero where `margin < depth`."""
        return torch.where(margin >= depth, self.derivative(margin), torch.zeros_like(margin))

    @property
    def spec(self) -> str:
        """The surrogate as a short text, from which `from_spec` makes it again."""
        return f"{type(self).__name__}({self.scale!r})"

    def __repr__(self) -> str:
        return f"{self.spec}: d spike / d margin = {self.formula}, k = {self.scale:g}"


@dataclass(frozen=True, repr=False)
class SuperSpike(Surrogate):
    """Zenke and Ganguli 2018, with a peak of 1; the paper's surrogate, and what snnTorch calls fast_sigmoid."""

    scale: float = 10.0
    formula = "1 / (k |x| + 1)^2"

    def primitive(self, margin: Tensor) -> Tensor:
        return margin / (self.scale * margin.abs() + 1)

    @staticmethod
    def slope(x: Any, k: Any) -> Any:
        return 1.0 / ((k * abs(x) + 1.0) * (k * abs(x) + 1.0))


@dataclass(frozen=True, repr=False)
class FastSigmoid(Surrogate):
    """A fast sigmoid from 0 to 1: the derivative's integral is 1, so its peak grows with the slope."""

    scale: float = 10.0
    formula = "k / (2 (k |x| + 1)^2)"

    def primitive(self, margin: Tensor) -> Tensor:
        return 0.5 * (self.scale * margin / (self.scale * margin.abs() + 1) + 1)

    @staticmethod
    def slope(x: Any, k: Any) -> Any:
        return 0.5 * k / ((k * abs(x) + 1.0) * (k * abs(x) + 1.0))


@dataclass(frozen=True, repr=False)
class Arctan(Surrogate):
    """Fang et al. 2021: an arctangent from 0 to 1."""

    scale: float = 2.0
    formula = "k / (2 (1 + (pi k x / 2)^2))"

    def primitive(self, margin: Tensor) -> Tensor:
        return torch.atan(0.5 * math.pi * self.scale * margin) / math.pi + 0.5

    @staticmethod
    def slope(x: Any, k: Any) -> Any:
        return 0.5 * k / (1.0 + (0.5 * math.pi * k * x) * (0.5 * math.pi * k * x))


@dataclass(frozen=True, repr=False)
class Triangular(Surrogate):
    """Esser et al. 2016, Bellec et al. 2018: a triangle of half-width k and area 1."""

    scale: float = 1.0
    formula = "max(0, 1 - |x| / k) / k"

    def primitive(self, margin: Tensor) -> Tensor:
        x = (margin / self.scale).clamp(-1, 1)
        return 0.5 + x - 0.5 * x * x.abs()

    @staticmethod
    def slope(x: Any, k: Any) -> Any:
        return where(abs(x) < k, (1.0 - abs(x) / k) / k, 0.0 * x)


@dataclass(frozen=True, repr=False)
class Boxcar(Surrogate):
    """A box of half-width k and area 1."""

    scale: float = 0.5
    formula = "1 / (2 k) where |x| <= k, else 0"

    def primitive(self, margin: Tensor) -> Tensor:
        return (margin / (2 * self.scale) + 0.5).clamp(0, 1)

    @staticmethod
    def slope(x: Any, k: Any) -> Any:
        return where(abs(x) <= k, 0.5 / k + 0.0 * x, 0.0 * x)


@dataclass(frozen=True, repr=False)
class Sigmoid(Surrogate):
    """The logistic function from 0 to 1."""

    scale: float = 10.0
    formula = "k sigma(k x) (1 - sigma(k x))"

    def primitive(self, margin: Tensor) -> Tensor:
        return torch.sigmoid(self.scale * margin)

    @staticmethod
    def slope(x: Any, k: Any) -> Any:
        small = exp(-k * abs(x))
        return k * small / ((1.0 + small) * (1.0 + small))


def names() -> list[str]:
    """The names of all surrogates, as `from_spec` knows them."""
    return [kind.__name__ for kind in Surrogate.__subclasses__()]


def from_spec(spec: str) -> Surrogate:
    """The surrogate that a text like `SuperSpike(10.0)` or `Arctan` names.

    Raises:
        InputError: no such surrogate, or no number between its brackets.
    """
    name, _, scale = spec.removesuffix(")").partition("(")
    kinds = {kind.__name__: kind for kind in Surrogate.__subclasses__()}
    require(name in kinds, "surrogate", "one of " + ", ".join(kinds), spec)
    try:
        return kinds[name](float(scale)) if scale else kinds[name]()  # type: ignore[call-arg]
    except ValueError:
        require(False, "surrogate", f"a finite number above 0, as in {name}(10.0)", spec)
        raise
