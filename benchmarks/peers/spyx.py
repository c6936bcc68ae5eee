"""Spyx: its `LIF` scanned by its own `run`, behind products over all steps, the whole step jitted.

It spikes from the membrane before the step's current and subtracts the threshold, and has no other reset. As neurons that
subtract spike more often, each layer's weights get a factor until it spikes as the case asks.
"""

from typing import Any

from benchmarks.case import Built, Case

NAME = "spyx"
PACKAGES = ("spyx", "jax", "jaxlib", "optax")
NUMBER_TYPE = "fp32"
NOTE = "spikes one step later, resets by subtraction with its gradient, weights scaled to the same activity"

HALVINGS = 16
"""Of the range, from 1/4 to 4 times the case's weights, in which a factor is looked for."""


def supports(case: Case) -> str | None:
    """None, or why a case is out of reach."""
    if any(within is not None for within in case.recurrent):
        return "its recurrent neurons take their own spikes of the same step"
    return None


def build(case: Case) -> Built:
    """The case, ready to run."""
    from spyx import axn

    from benchmarks.peers import _jax
    from benchmarks.peers._training import Weights, kernel

    weights, weighting = Weights(case), _jax.to_jax(kernel(case))
    shape = axn.superspike(case.slope)
    layers = [_Layer(len(w), case, shape) for w in case.weights]
    x = _jax.to_jax(case.x)

    def forward(parameters: _jax.Parameters, x: Any) -> tuple[Any, list[Any]]:
        spikes = []
        for layer, weight in zip(layers, parameters["hidden"], strict=True):
            x = layer(_jax.fold(x, weight))
            spikes.append(x)
        return _jax.read(x, parameters["readout"], weighting), spikes

    below = x
    for layer, weight, wanted in zip(layers, weights.hidden, case.activity, strict=True):
        currents = _jax.fold(below, _jax.to_jax(weight))
        factor = _factor(layer, currents, wanted)
        weight.data.mul_(factor)
        below = layer(factor * currents)
    return _jax.train(case, weights, forward, x)


class _Layer:
    """A layer's neurons over all steps.

    Args:
        neurons: N.
        case: what has their numbers.
        shape: the surrogate.
    """

    def __init__(self, neurons: int, case: Case, shape: Any) -> None:
        from flax import nnx
        from spyx import nn

        self._run = nn.run
        beta = case.beta
        self._cell = nn.LIF((neurons,), beta=beta, threshold=case.threshold, activation=shape, rngs=nnx.Rngs(0))

    def __call__(self, currents: Any) -> Any:
        """Spikes `[T, B, N]` from currents `[T, B, N]`."""
        return self._run(self._cell, currents)[0]


def _factor(layer: _Layer, currents: Any, wanted: float) -> float:
    """What currents must be multiplied by for the layer to spike as often as wanted."""
    import jax

    rate = jax.jit(lambda factor, currents: layer(factor * currents).mean())
    low, high = -2.0, 2.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if rate(2.0**middle, currents) < wanted else (low, middle)
    return float(2.0 ** ((low + high) / 2))
