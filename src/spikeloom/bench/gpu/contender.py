"""The ways of `ways` on a problem: training steps that share inputs, weights, loss and optimiser."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from spikeloom import nn
from spikeloom.bench.engine import network
from spikeloom.bench.gpu import per_step
from spikeloom.bench.gpu.captured import Captured
from spikeloom.bench.gpu.ways import Way, products_in
from spikeloom.bench.problem import Problem
from spikeloom.bench.torch_dense import VARIANTS, DenseNet
from spikeloom.spikes import Spikes


@dataclass(frozen=True)
class Contender:
    """A way on a problem, ready to run.

    Args:
        parameters: what is trained.
        step: clears gradients, goes forward and back, and takes Adam's step; the loss.
        activity: a forward pass without gradients, to each hidden layer's measured activity.
    """

    parameters: Sequence[Tensor]
    step: Callable[[], Tensor]
    activity: Callable[[], list[float]]


def make(way: Way, problem: Problem, device: torch.device) -> Contender:
    """The way on a problem, with weights and inputs of its own.

    Args:
        way: which.
        problem: on the CPU.
        device: where it runs: a GPU, or for tests the CPU, where nothing is replayed.
    """
    return (_ours if way.ours else _plain)(way, problem, device)


def adam(parameters: Sequence[Tensor]) -> torch.optim.Adam:
    """Torch's Adam in one launch, which a graph can hold, at a learning rate of 0: weights stay."""
    on_gpu = all(p.is_cuda for p in parameters)
    return torch.optim.Adam(parameters, lr=0.0, fused=True, capturable=on_gpu)


def _ours(way: Way, problem: Problem, device: torch.device) -> Contender:
    net = network(problem, sparse=way.kind == "spikeloom").to(device)
    spikes = problem.spikes.to(device)
    bf16 = way.numbers == "bf16"
    # The caller's input is ready in the form that the route takes.
    x = spikes if way.kind == "spikeloom" else _dense(spikes, bf16=bf16)

    def autocast() -> AbstractContextManager[object]:
        return torch.autocast(device.type, torch.bfloat16) if bf16 else nullcontext()

    def logits() -> Tensor:
        with autocast():
            summed: Tensor = net(x)[0].sum(0)
        return summed

    @torch.no_grad()
    def activity() -> list[float]:
        logits()
        return [layer.last_activity for layer in net if isinstance(layer, nn.Spiking)]

    return _finished(way, list(net.parameters()), logits, activity, problem, device)


def _plain(way: Way, problem: Problem, device: torch.device) -> Contender:
    net = DenseNet(problem).to(device)
    x = _dense(problem.spikes.to(device), bf16=way.numbers == "bf16")
    forward = _forward(way, problem)

    @torch.no_grad()
    def activity() -> list[float]:
        with products_in(way.numbers):
            _, spikes = forward(net, x)
        return [float(torch.cat(layer).float().mean()) for layer in spikes]

    def logits() -> Tensor:
        return forward(net, x)[0].sum(0)

    return _finished(way, list(net.parameters()), logits, activity, problem, device)


def _forward(way: Way, problem: Problem) -> Callable[[DenseNet, Tensor], tuple[Tensor, list[list[Tensor]]]]:
    bf16 = way.numbers == "bf16"
    if way.kind == "folded":
        return VARIANTS["folded_bf16" if bf16 else "folded_fp32"]
    one_step = per_step.step_of(problem.workload, compiled=way.compiled)
    return partial(per_step.run, one_step=one_step, product=torch.bfloat16 if bf16 else torch.float32)


def _dense(spikes: Spikes, *, bf16: bool) -> Tensor:
    """`[T, B, I]`, ready in the number type of products."""
    return spikes.dense().to(torch.bfloat16 if bf16 else torch.float32).contiguous()


def _finished(
    way: Way,
    parameters: Sequence[Tensor],
    logits: Callable[[], Tensor],
    activity: Callable[[], list[float]],
    problem: Problem,
    device: torch.device,
) -> Contender:
    """A contender from its forward pass."""
    optimizer, labels = adam(parameters), problem.labels.to(device)

    def step() -> Tensor:
        with products_in(way.numbers):
            optimizer.zero_grad()
            loss = F.cross_entropy(logits(), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return loss.detach()

    return Contender(parameters, Captured(step, device) if way.graph else step, activity)
