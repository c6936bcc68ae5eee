"""What is compared: training steps that share a problem, a loss and an optimiser."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from spikeloom.bench.problem import Problem
from spikeloom.bench.torch_dense import VARIANTS, DenseNet
from spikeloom.checks import require

OURS = "spikeloom"
OWN_DENSE = "own_dense"


@dataclass(frozen=True)
class Contender:
    """One way to do a training step.

    Args:
        parameters: what is trained.
        optimizer: Adam on those, torch's fused one or our own.
        logits: the forward pass, to `[B, C]`.
        labels: `[B]`.
        activity: a forward pass without gradients, to each hidden layer's measured activity.
    """

    parameters: Sequence[Tensor]
    optimizer: torch.optim.Optimizer
    logits: Callable[[], Tensor]
    labels: Tensor
    activity: Callable[[], list[float]]

    def step(self) -> None:
        """Forward, backward and Adam."""
        self.timed_step()

    def timed_step(self) -> tuple[float, float, float]:
        """A step; how many seconds the forward pass with the loss, the backward pass and Adam took."""
        start = time.perf_counter()
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.logits(), self.labels)
        computed = time.perf_counter()
        loss.backward()  # type: ignore[no-untyped-call]
        derived = time.perf_counter()
        self.optimizer.step()
        return computed - start, derived - computed, time.perf_counter() - derived


def names() -> list[str]:
    """All contenders: the engine, its own dense route, and plain torch's variants."""
    return [OURS, OWN_DENSE, *VARIANTS]


def make(name: str, problem: Problem) -> Contender:
    """The contender of that name on a problem, with weights of its own."""
    if name in VARIANTS:
        return _plain_torch(name, problem)
    require(name in (OURS, OWN_DENSE), "contender", "one of " + ", ".join(names()), repr(name))
    from spikeloom.bench.engine import engine

    return engine(problem, sparse=name == OURS)


def adam(parameters: Sequence[Tensor]) -> torch.optim.Adam:
    """Torch's Adam at a learning rate of 0: all its arithmetic, and activities that stay as they were made."""
    return torch.optim.Adam(parameters, lr=0.0, fused=True)


def _plain_torch(name: str, problem: Problem) -> Contender:
    net, forward = DenseNet(problem), VARIANTS[name]
    # The caller's input is ready in the number type that the products take.
    x = problem.spikes.dense().to(torch.bfloat16 if "bf16" in name else torch.float32).contiguous()
    parameters = list(net.parameters())

    @torch.no_grad()
    def activity() -> list[float]:
        _, spikes = forward(net, x)
        return [sum(int(s.count_nonzero()) for s in layer) / sum(s.numel() for s in layer) for layer in spikes]

    return Contender(parameters, adam(parameters), lambda: forward(net, x)[0].sum(0), problem.labels, activity)
