"""What all adapters that train with torch share: parameters, loss, optimiser, and what a harness asks for."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter

from benchmarks.case import Built, Case, optimizer
from benchmarks.peers._graph import Captured

Spikes = Tensor | Sequence[Tensor]
"""A hidden layer's spikes: `[T, B, N]`, or `[B, N]` of each step."""

Forward = Callable[[], tuple[Tensor | None, list[Spikes]]]
"""To the readout's sum over all steps `[B, C]`, or None without a readout, and the spikes of each hidden layer."""


@dataclass(frozen=True)
class Numbers:
    """A case's numbers without its arrays, which then can be freed.

    Args:
        beta: decay of the hidden membranes in a step.
        threshold: where a neuron spikes.
        slope: k of the surrogate 1 / (k |U - threshold| + 1)^2.
    """

    beta: float
    threshold: float
    slope: float


def numbers(case: Case) -> Numbers:
    """The case's numbers."""
    return Numbers(case.beta, case.threshold, case.slope)


class Weights:
    """The case's weights as parameters that contain the factor of the currents: no step has to multiply by it.

    Args:
        case: what has the weights.
        factor: what multiplies weights of hidden layers besides the case's gain, for libraries whose membranes have
            another scale.
        transposed: whether the parameters of hidden layers are `[I, N]` and not `[N, I]`.
    """

    def __init__(self, case: Case, *, factor: float = 1.0, transposed: bool = False) -> None:
        self.transposed = transposed
        self.hidden_factor, self.readout_factor = factor * case.gain, case.gain
        self.hidden = [self._parameter(w, self.hidden_factor) for w in case.weights]
        self.within = [None if v is None else self._parameter(v, self.hidden_factor) for v in case.recurrent]
        self.readout = None if case.readout is None else Parameter(case.readout * self.readout_factor)

    def parameters(self) -> list[Parameter]:
        """All of them: hidden, recurrent, readout."""
        return [w for w in (*self.hidden, *self.within, self.readout) if w is not None]

    def gradients(self) -> list[Tensor]:
        """The gradients by the case's own weights, in the order of `parameters`."""
        found = []
        for parameter in self.parameters():
            assert parameter.grad is not None
            found.append(self.of_case(parameter.grad.float(), readout=parameter is self.readout))
        return found

    def of_case(self, gradient: Tensor, *, readout: bool) -> Tensor:
        """The gradient by the case's own weights, from that by a parameter, the readout's or another."""
        if readout:
            return self.readout_factor * gradient
        return self.hidden_factor * (gradient.t().contiguous() if self.transposed else gradient)

    def _parameter(self, weight: Tensor, factor: float) -> Parameter:
        return Parameter((weight.t() if self.transposed else weight).mul(factor).contiguous())


@dataclass(frozen=True)
class Launch:
    """How a step is launched on a GPU.

    Args:
        graph: as a CUDA graph, optimiser and all.
        tf32: with operands of fp32 products rounded to TF32.
    """

    graph: bool = False
    tf32: bool = False


EAGER = Launch()


@contextmanager
def products_in(launch: Launch) -> Iterator[None]:
    """Set torch's one switch for TF32 while the context lasts, where a launch asks for it."""
    if not launch.tf32:
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def train(case: Case, weights: Weights, forward: Forward, launch: Launch = EAGER) -> Built:
    """An implementation from its forward pass, by torch's autograd and fused optimisers."""
    labels, parameters = case.labels.clone(), weights.parameters()
    optimiser = optimizer(case.optimizer, list(parameters))

    def loss() -> Tensor:
        summed, spikes = forward()
        if summed is None:
            return whole(spikes[-1]).mean(dtype=torch.float32)
        return F.cross_entropy(summed.float(), labels)

    def step() -> Tensor:
        with products_in(launch):
            optimiser.zero_grad()
            value = loss()
            value.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        return value.detach()

    @torch.no_grad()
    def activity() -> list[float]:
        with products_in(launch):
            return [share(layer) for layer in forward()[1]]

    run: Callable[[], Tensor] = Captured(step, case.device) if launch.graph else step

    def check() -> tuple[float, list[Tensor]]:
        if launch.graph:
            run()  # the next one is recorded, and replayed
        return run().item(), weights.gradients()

    return Built(run, activity, check)


def whole(spikes: Spikes) -> Tensor:
    """A layer's spikes as one tensor `[T, B, N]`."""
    return spikes if isinstance(spikes, Tensor) else torch.stack(list(spikes))


def share(spikes: Spikes) -> float:
    """The share of neurons and steps that spiked."""
    everything = whole(spikes)
    return float(everything.count_nonzero()) / everything.numel()


def kernel(case: Case) -> Tensor:
    """`[T]`: how often the readout's sum over all steps has the current of step t, decay counted.

    M[t] = readout_beta M[t-1] + I[t] is linear, so that sum_t M[t] = sum_t kernel[t] I[t] with
    kernel[t] = 1 + readout_beta + ... + readout_beta^(T-1-t): one weighted sum instead of a loop.
    """
    powers = case.readout_beta ** torch.arange(len(case.x), dtype=torch.float64)
    return powers.cumsum(0).flip(0).float().to(case.device)


def fold(x: Tensor, weight: Tensor) -> Tensor:
    """The product of all steps at once, in the number type of x: `[T, B, N]`."""
    return F.linear(x.flatten(0, 1), weight.to(x.dtype)).unflatten(0, x.shape[:2])


def read(spikes: Tensor, readout: Tensor | None, weighting: Tensor) -> Tensor | None:
    """The readout's sum over all steps `[B, C]`, or None without a readout.

    Args:
        spikes: `[T, B, N]`.
        readout: `[C, N]`.
        weighting: `kernel`.
    """
    if readout is None:
        return None
    return torch.einsum("t,tbc->bc", weighting, fold(spikes, readout).float())
