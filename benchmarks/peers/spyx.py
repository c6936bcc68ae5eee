"""Spyx: its `LIF` scanned by its own `run`, behind products over all steps, the whole step jitted.

It spikes from the membrane before the step's current and subtracts the threshold, and has no other reset. As neurons
that subtract spike more often, each layer's weights get a factor until it spikes as the case asks. Recurrent layers are
its `RLIF`.
"""

from typing import Any

from benchmarks.case import Built, Case

NAME = "spyx"
PACKAGES = ("spyx", "jax", "jaxlib", "optax")
NUMBER_TYPE = "fp32"
NOTE = "spikes one step later, resets by subtraction with its gradient, weights scaled to the same activity"
NO_GPU = "its JAX for GPUs is apart from torch, and was not set up: it is compared on CPUs alone"

HALVINGS = 16
"""Of the range, from 1/4 to 4 times the case's weights, in which a factor is looked for."""


def supports(case: Case) -> str | None:
    """None: any case has its form."""
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
        for layer, weight, within in zip(layers, parameters["hidden"], parameters["within"], strict=True):
            x = layer(_jax.fold(x, weight), within)
            spikes.append(x)
        return _jax.read(x, parameters["readout"], weighting), spikes

    below = x
    for layer, weight, within, wanted in zip(layers, weights.hidden, weights.within, case.activity, strict=True):
        currents = _jax.fold(below, _jax.to_jax(weight))
        inner = None if within is None else _jax.to_jax(within)
        factor = _factor(layer, currents, inner, wanted)
        weight.data.mul_(factor)
        if within is not None:
            within.data.mul_(factor)
        below = layer(factor * currents, None if inner is None else factor * inner)
    return _jax.train(case, weights, forward, x)


class _Layer:
    """A layer's neurons over all steps.

    Args:
        neurons: N.
        case: what has their numbers.
        shape: the surrogate.
    """

    def __init__(self, neurons: int, case: Case, shape: Any) -> None:
        self._neurons, self._settings = neurons, {"beta": case.beta, "threshold": case.threshold, "activation": shape}

    def __call__(self, currents: Any, within: Any) -> Any:
        """Spikes `[T, B, N]` from currents `[T, B, N]` and recurrent weights `[N, N]` or None."""
        from flax import nnx
        from spyx import nn

        # A module may only be changed by the trace that made it.
        settings = self._settings | {"rngs": nnx.Rngs(0)}
        if within is None:
            return nn.run(nn.LIF((self._neurons,), **settings), currents)[0]
        cell = nn.RLIF((self._neurons,), **settings)
        cell.recurrent_w = nnx.Param(within.T)
        return nn.run(cell, currents)[0]


def _factor(layer: _Layer, currents: Any, within: Any, wanted: float) -> float:
    """What all weights must be multiplied by for the layer to spike as often as wanted."""
    import jax

    @jax.jit
    def rate(factor: float, currents: Any, within: Any) -> Any:
        return layer(factor * currents, None if within is None else factor * within).mean()

    low, high = -2.0, 2.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if rate(2.0**middle, currents, within) < wanted else (low, middle)
    return float(2.0 ** ((low + high) / 2))
