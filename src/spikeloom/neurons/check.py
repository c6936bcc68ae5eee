"""Is a neuron what it says: the traced step against the Python one, and the adjoint against autograd."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from spikeloom.checks import require
from spikeloom.neurons.equations import equations
from spikeloom.neurons.neuron import Neuron

TORCH: dict[str, Callable[..., Any]] = {
    "constant": lambda number: torch.tensor(number, dtype=torch.float64),
    "add": torch.add,
    "subtract": torch.sub,
    "multiply": torch.mul,
    "divide": torch.div,
    "negate": torch.neg,
    "exp": torch.exp,
    "at_least": torch.ge,
    "above": torch.gt,
    "where": torch.where,
}
"""The operations of a program on tensors."""

TOLERANCE = 1e-9
"""Of the largest magnitude: both sides are sums of a few numbers in float64."""


def check(neuron: Neuron, *, points: int = 200, seed: int = 0) -> None:
    """Compare a neuron's step and adjoint, as kernels run them, with autograd of its step.

    Both are evaluated in float64 at random states, currents and spikes, with parameters near their defaults.

    Args:
        neuron: to check; its `adjoint`, or the derived one where it has none.
        points: how many, at least 1.
        seed: of the random numbers.

    Raises:
        InputError: the first result that differs, with the largest error; functions that use more than
            `trace.ALLOWED`.

    Example:
        >>> from spikeloom.neurons import check, lif
        >>> check(lif.neuron("subtract"))
    """
    require(isinstance(neuron, Neuron), "neuron", "a spikeloom.neurons.Neuron", type(neuron).__name__)
    traced = equations(neuron, neuron.names)
    states, generator = len(neuron.states), torch.Generator().manual_seed(seed)

    def uniform(count: int, low: float, high: float) -> list[Tensor]:
        numbers = torch.rand(count, points, generator=generator, dtype=torch.float64)
        return list(numbers * (high - low) + low)

    state, (current,) = uniform(states, -2, 2), uniform(1, -2, 2)
    spike = (uniform(1, 0, 1)[0] < 0.5).double()
    factors = uniform(len(neuron.names), 0.9, 1)
    p = [_near(parameter.default, x) for parameter, x in zip(neuron.parameters, factors, strict=True)]
    inputs = [x.requires_grad_() for x in (*state, spike, current, *p)]
    with _numbers_in_float64():
        after, margin = neuron.step(tuple(inputs[:states]), *inputs[states : states + 2], tuple(inputs[states + 2 :]))
    outputs = [x + torch.zeros(points, dtype=torch.float64) for x in (*after, margin)]
    for name, got, want in zip((*neuron.states, "margin"), traced.step.run(inputs, TORCH), outputs, strict=True):
        _compare(f"{neuron.name}.step, {name}", got, want)
    upstream = uniform(states + 1, -1, 1)
    live = [(x, d) for x, d in zip(outputs, upstream, strict=True) if x.requires_grad]
    want = torch.autograd.grad(
        [x for x, _ in live], inputs, [d for _, d in live], allow_unused=True, materialize_grads=True
    )
    saved = [[*state, current][i] for i in traced.kept]
    results = traced.adjoint.run([*upstream, spike, *p, *saved], TORCH)
    names = (*neuron.states, "spike", "current", *neuron.names)
    for name, got, expected in zip(names, results, want, strict=True):
        _compare(f"{neuron.name}, the derivative by {name}", got, expected)


@contextmanager
def _numbers_in_float64() -> Iterator[None]:
    """While open, a choice between two plain numbers is in float64, as `torch.where` takes them in the default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _near(default: float, factor: Tensor) -> Tensor:
    """Numbers around a default, on the side of zero: a decay of 1 stays one that decays."""
    return default * factor if default else 0.1 * factor


def _compare(name: str, got: Tensor, want: Tensor) -> None:
    got, want = (got + torch.zeros_like(want)).detach(), want.detach()
    error, scale = float((got - want).abs().max()), max(1.0, float(want.abs().max()))
    agrees = error <= TOLERANCE * scale
    require(agrees, name, "what autograd makes of the step", f"a result that is off by up to {error:.3g}")
