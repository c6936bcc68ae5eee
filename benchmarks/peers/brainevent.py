"""BrainEvent: its event-driven product of binary spikes and dense weights, JAX for all else.

The library differentiates the product by a dense one; the same kernel makes the weights' gradient too, so here it does.
What goes back to the layer below is dense, and so are recurrent products. Neurons, readout and optimiser are
`jax_scan`'s.
"""

from typing import Any

from benchmarks.case import Built, Case

NAME = "brainevent"
PACKAGES = ("brainevent", "jax", "jaxlib", "optax", "numba")
NUMBER_TYPE = "fp32"
NOTE = "the products of spikes and weights alone are sparse"
NO_GPU = "its JAX for GPUs is apart from torch, and was not set up: it is compared on CPUs alone"


def supports(case: Case) -> str | None:
    """None, or why a case is out of reach."""
    return None if case.binary else "its events are spikes"


def build(case: Case) -> Built:
    """The case, ready to run."""
    import brainevent
    import jax
    import jax.numpy as jnp
    import torch

    from benchmarks.peers import _jax
    from benchmarks.peers._training import Weights, kernel, numbers

    brainevent.config.set_numba_parallel(True, num_threads=torch.get_num_threads())

    @jax.custom_vjp
    def product(weight: Any, x: Any) -> Any:
        return brainevent.binary_densemm(weight, (x > 0).T, transpose=True).T

    def there(weight: Any, x: Any) -> Any:
        return product(weight, x), (weight, x)

    def back(kept: Any, gradient: Any) -> Any:
        weight, x = kept
        return brainevent.binary_densemm(gradient, x > 0, transpose=True).T, gradient @ weight.T

    product.defvjp(there, back)
    neuron, weighting = numbers(case), _jax.to_jax(kernel(case))

    def forward(parameters: _jax.Parameters, x: Any) -> tuple[Any, list[Any]]:
        spikes = []
        for weight, within in zip(parameters["hidden"], parameters["within"], strict=True):
            currents = product(weight, x.reshape(-1, x.shape[2])).reshape(*x.shape[:2], -1)
            x = _jax.feedforward(currents, neuron) if within is None else _jax.recurrent(currents, within.T, neuron)
            spikes.append(x)
        return _jax.read(x, parameters["readout"], weighting), spikes

    return _jax.train(case, Weights(case, transposed=True), forward, _jax.to_jax(case.x).astype(jnp.float32))
