"""Plain torch with its own sparse products: spikes as CSR, times dense weights, and transposed for weights' gradients.

Recurrent products stay dense, and so does what goes back to the layer below: no neuron's gradient is zero.
"""

import warnings
from typing import Any

import torch
from torch import Tensor

from benchmarks.case import Built, Case
from benchmarks.peers import _torch
from benchmarks.peers._training import Spikes, Weights, kernel, numbers, read, train

NAME = "torch_csr"
PACKAGES = _torch.PACKAGES
NUMBER_TYPE = "fp32"
NOTE = "the products of spikes and weights alone are sparse"

warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")


def supports(case: Case) -> str | None:
    """None, or why a case is out of reach."""
    return None if case.binary else "an input without zeros has no sparse form"


class Product(torch.autograd.Function):
    """`x W` of x `[T * B, I]` and W `[I, N]`; x is given in CSR, as its transpose is, and dense for its gradient."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, rows: Tensor, columns: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.columns = columns
        return rows @ weight

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, Tensor | None]:
        (weight,) = ctx.saved_tensors
        below = gradient @ weight.t() if ctx.needs_input_grad[3] else None
        return ctx.columns @ gradient, None, None, below


def build(case: Case) -> Built:
    """The case, ready to run."""
    weights, neuron, weighting = Weights(case, transposed=True), numbers(case), kernel(case)
    steps, batch, _ = case.x.shape
    first = _both_ways(case.x.flatten(0, 1))
    nothing = torch.empty(0, device=case.device)

    def forward() -> tuple[Tensor | None, list[Spikes]]:
        below, spikes = first, list[Spikes]()
        x = nothing
        for weight, within in zip(weights.hidden, weights.within, strict=True):
            currents = Product.apply(weight, *below, x).unflatten(0, (steps, batch))  # type: ignore[no-untyped-call]
            fired = _torch.neurons(currents, None if within is None else within.t(), neuron)
            spikes.append(fired)
            x = fired.flatten(0, 1)
            if len(spikes) < len(weights.hidden):
                below = _both_ways(x.detach())
        return read(fired, weights.readout, weighting), spikes

    return train(case, weights, forward)


def _both_ways(x: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix and its transpose in CSR."""
    return x.to_sparse_csr(), x.t().to_sparse_csr()
