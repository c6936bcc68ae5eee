"""JAX as its experts write it: the whole step jitted, optimiser and all, and layers with gradients of their own.

Products are over all steps at once; neurons are a scan forward and a scan backward, which keep membranes alone.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from torch import Tensor

from benchmarks.case import Built, Case
from benchmarks.peers._training import Numbers, Weights, kernel, numbers

PACKAGES = ("jax", "jaxlib", "optax")

Parameters = dict[str, list[Any]]
"""Hidden weights `[N, I]`, recurrent ones `[N, N]` or None, and the readout `[C, N]`, if there is one, in a list."""


def to_jax(x: Tensor) -> Any:
    """A tensor as an array, copied."""
    return jnp.asarray(np.array(x.detach().numpy()))


def to_torch(x: Any) -> Tensor:
    """An array as a tensor, copied."""
    return torch.from_numpy(np.array(x))


def parameters(weights: Weights) -> Parameters:
    """The case's weights, with the factors of its currents in them."""
    return {
        "hidden": [to_jax(w) for w in weights.hidden],
        "within": [None if v is None else to_jax(v) for v in weights.within],
        "readout": [] if weights.readout is None else [to_jax(weights.readout)],
    }


Forward = Callable[[Parameters, Any], tuple[Any, list[Any]]]
"""From parameters and input `[T, B, I]` to the readout's sum over steps `[B, C]`, or None, and each layer's spikes."""


def train(case: Case, weights: Weights, forward: Forward, x: Any) -> Built:
    """An implementation from its forward pass, by JAX's autograd and optax.

    Args:
        case: what to train on.
        weights: where to begin.
        forward: to be differentiated.
        x: input as `forward` takes it.
    """
    labels = to_jax(case.labels)
    optimiser = optax.scale_by_adam() if case.optimizer == "adam" else optax.identity()
    state = {"parameters": parameters(weights), "rate": jnp.float32(0.0)}
    state["moments"] = optimiser.init(state["parameters"])

    def loss(parameters: Parameters, x: Any) -> Any:
        summed, spikes = forward(parameters, x)
        if summed is None:
            return spikes[-1].mean(dtype=jnp.float32)
        return optax.softmax_cross_entropy_with_integer_labels(summed, labels).mean()

    # The rate is an argument, so that the compiler does not know that it is zero.
    @partial(jax.jit, donate_argnums=(0, 1))
    def advance(parameters: Parameters, moments: Any, rate: Any, x: Any) -> Any:
        gradients = jax.grad(loss)(parameters, x)
        updates, moments = optimiser.update(gradients, moments)
        return jax.tree.map(lambda p, u: p - rate * u, parameters, updates), moments

    @jax.jit
    def shares(parameters: Parameters, x: Any) -> list[Any]:
        return [layer.mean(dtype=jnp.float32) for layer in forward(parameters, x)[1]]

    def step() -> None:
        state["parameters"], state["moments"] = advance(state["parameters"], state["moments"], state["rate"], x)
        jax.block_until_ready(state["parameters"])

    def activity() -> list[float]:
        return [float(share) for share in shares(state["parameters"], x)]

    def check() -> tuple[float, list[Tensor]]:
        value, gradients = jax.value_and_grad(loss)(state["parameters"], x)
        hidden = [
            weights.of_case(to_torch(g), readout=False)
            for g in jax.tree.leaves((gradients["hidden"], gradients["within"]))
        ]
        return float(value), [*hidden, *(weights.of_case(to_torch(g), readout=True) for g in gradients["readout"])]

    return Built(step, activity, check)


def build_scan(case: Case, *, dtype: Any) -> Built:
    """The case, ready to run.

    Args:
        case: what to train on.
        dtype: the number type of products; membranes are float32.
    """
    neuron, weighting = numbers(case), to_jax(kernel(case))

    def forward(parameters: Parameters, x: Any) -> tuple[Any, list[Any]]:
        spikes = []
        for weight, within in zip(parameters["hidden"], parameters["within"], strict=True):
            currents = fold(x, weight)
            x = feedforward(currents, neuron) if within is None else recurrent(currents, within.astype(dtype), neuron)
            spikes.append(x)
        return read(x, parameters["readout"], weighting), spikes

    return train(case, Weights(case), forward, to_jax(case.x).astype(dtype))


def fold(x: Any, weight: Any) -> Any:
    """The product of all steps at once, in the number type of x: `[T, B, N]`."""
    return (x.reshape(-1, x.shape[2]) @ weight.astype(x.dtype).T).reshape(*x.shape[:2], -1)


def read(spikes: Any, readout: list[Any], weighting: Any) -> Any:
    """The readout's sum over all steps `[B, C]`, or None without a readout."""
    if not readout:
        return None
    return jnp.einsum("t,tbc->bc", weighting, fold(spikes, readout[0]).astype(jnp.float32))


def _advance(membrane: Any, current: Any, neuron: Numbers) -> Any:
    return neuron.beta * jnp.where(membrane >= neuron.threshold, 0, membrane) + current.astype(jnp.float32)


def _go_back(later: Any, membrane: Any, outside: Any, neuron: Numbers) -> Any:
    distance = neuron.slope * jnp.abs(membrane - neuron.threshold) + 1
    kept = jnp.where(membrane >= neuron.threshold, 0, later)
    return outside.astype(jnp.float32) / (distance * distance) + neuron.beta * kept


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def feedforward(currents: Any, neuron: Numbers) -> Any:
    """Spikes `[T, B, N]` from currents `[T, B, N]`, in their number type."""
    return _feedforward_there(currents, neuron)[0]


def _feedforward_there(currents: Any, neuron: Numbers) -> Any:
    def step(membrane: Any, current: Any) -> Any:
        membrane = _advance(membrane, current, neuron)
        return membrane, (membrane, (membrane >= neuron.threshold).astype(current.dtype))

    start = jnp.zeros(currents.shape[1:], jnp.float32)
    _, (membranes, spikes) = jax.lax.scan(step, start, currents)
    return spikes, membranes


def _feedforward_back(neuron: Numbers, membranes: Any, outside: Any) -> Any:
    def step(later: Any, given: Any) -> Any:
        membrane, gradient = given
        later = _go_back(later, membrane, gradient, neuron)
        return later, later.astype(outside.dtype)

    given = (membranes, outside)
    return (jax.lax.scan(step, jnp.zeros_like(membranes[0]), given, reverse=True)[1],)


feedforward.defvjp(_feedforward_there, _feedforward_back)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def recurrent(currents: Any, within: Any, neuron: Numbers) -> Any:
    """`feedforward` with recurrent weights `[N, N]` in the number type of the currents."""
    return _recurrent_there(currents, within, neuron)[0]


def _recurrent_there(currents: Any, within: Any, neuron: Numbers) -> Any:
    def step(state: Any, current: Any) -> Any:
        membrane, spike = state
        membrane = _advance(membrane, current + spike @ within.T, neuron)
        spike = (membrane >= neuron.threshold).astype(current.dtype)
        return (membrane, spike), (membrane, spike)

    start = (jnp.zeros(currents.shape[1:], jnp.float32), jnp.zeros(currents.shape[1:], currents.dtype))
    _, (membranes, spikes) = jax.lax.scan(step, start, currents)
    return spikes, (membranes, spikes, within)


def _recurrent_back(neuron: Numbers, kept: Any, outside: Any) -> Any:
    membranes, spikes, within = kept

    def step(later: Any, given: Any) -> Any:
        membrane, gradient = given
        total = gradient + later.astype(gradient.dtype) @ within
        later = _go_back(later, membrane, total, neuron)
        return later, later.astype(gradient.dtype)

    _, inside = jax.lax.scan(step, jnp.zeros_like(membranes[0]), (membranes, outside), reverse=True)
    neurons = inside.shape[2]
    return inside, inside[1:].reshape(-1, neurons).T @ spikes[:-1].reshape(-1, neurons)


recurrent.defvjp(_recurrent_there, _recurrent_back)
