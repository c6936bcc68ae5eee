"""What all of our own adapters share: the case as a network of `spikeloom.nn`, on the device where the case lies."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.case import Built, Case, optimizer
from benchmarks.peers._graph import Captured
from spikeloom import nn, optim
from spikeloom.spikes import Spikes
from spikeloom.surrogates import SuperSpike

PACKAGES = ("spikeloom", "torch", "numba")
NOT_CAPTURED = "not in a CUDA graph: a layer takes the sparse route, which asks the GPU how many ids there are"

Context = Callable[[], AbstractContextManager[object]]


def build(case: Case, *, sparse: bool | str, bf16: bool = False, graph: bool = False) -> Built:
    """The engine on a case.

    Args:
        case: what to train on.
        sparse: as `nn.Spiking` takes it.
        bf16: whether forward passes run inside of `torch.autocast` to bfloat16.
        graph: whether the step is replayed as a CUDA graph, where all layers take the dense route.
    """
    device = case.device
    net = network(case, sparse=sparse).to(device)
    labels, train = case.labels.clone(), _optimizer(case, list(net.parameters()))

    def context() -> AbstractContextManager[object]:
        return torch.autocast(device.type, torch.bfloat16) if bf16 else nullcontext()

    with torch.no_grad(), context():
        x = _input(net, case)

    def step() -> Tensor:
        train.zero_grad()
        with context():
            loss = _loss(net(x)[0], labels)
        loss.backward()  # type: ignore[no-untyped-call]
        train.step()
        return loss.detach()

    @torch.no_grad()
    def activity() -> list[float]:
        with context():
            net(x)
        return [layer.last_activity for layer in net if isinstance(layer, nn.Spiking)]

    if not graph:
        return Built(step, activity, _check(net, lambda: _backward(net, x, labels, context)))
    routes = [layer.route for layer in net if isinstance(layer, nn.Spiking)]
    if any(route is None or route.sparse for route in routes):
        return Built(step, activity, _check(net, step), NOT_CAPTURED)
    captured = Captured(step, device)

    def twice() -> Tensor:
        captured()  # the next one is recorded, and replayed
        return captured()

    return Built(captured, activity, _check(net, twice))


def _optimizer(case: Case, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """The same Adam on our own threads on a CPU; else torch's, which is the user's choice with us too."""
    if case.optimizer == "adam" and case.device.type == "cpu":
        return optim.Adam(parameters, lr=0.0)
    return optimizer(case.optimizer, parameters)


def _backward(net: nn.Sequential, x: Spikes | Tensor, labels: Tensor, context: Context) -> Tensor:
    """The loss, whose gradients are there afterwards."""
    net.zero_grad()
    with context():
        loss = _loss(net(x)[0], labels)
    loss.backward()  # type: ignore[no-untyped-call]
    return loss


def _input(net: nn.Sequential, case: Case) -> Spikes | Tensor:
    """The case's input, ready in the form that the first layer's route takes; a first pass chooses routes left open."""
    x = Spikes.from_dense(case.x) if case.binary and net[0].sparse is not False else case.x.clone()
    net(x)
    if net[0].route.sparse:
        return x
    # As the peers: ready in the number type that the product takes.
    return case.x.to(torch.bfloat16 if torch.is_autocast_enabled(case.device.type) else torch.float32, copy=True)


def network(case: Case, *, sparse: bool | str) -> nn.Sequential:
    """The case's network, with its weights."""
    layers: list[nn.Spiking | nn.LI] = []
    for weight, recurrent in zip(case.weights, case.recurrent, strict=True):
        neurons, inputs = weight.shape
        layer = nn.LIF(
            inputs,
            neurons,
            beta=case.beta,
            threshold=case.threshold,
            second_threshold=case.second_threshold,
            gain=case.gain,
            surrogate=SuperSpike(case.slope),
            recurrent=recurrent is not None,
            sparse=sparse,
        )
        layer.load_weight_matrix(weight)
        if recurrent is not None:
            layer.load_recurrent_matrix(recurrent)
        layers.append(layer)
    if case.readout is not None:
        classes, inputs = case.readout.shape
        readout = nn.LI(inputs, classes, beta=case.readout_beta, gain=case.gain)
        readout.load_weight_matrix(case.readout)
        layers.append(readout)
    return nn.Sequential(*layers)


def _loss(out: Spikes | Tensor, labels: Tensor) -> Tensor:
    """The case's: cross-entropy of the summed readout, or the mean of the last layer's spikes over everything."""
    if isinstance(out, Spikes):
        # Whoever is in the window and did not spike adds 0 to the sum, and takes its gradient.
        return out.active.sum() / (out.steps * out.batch * out.neurons)
    return F.cross_entropy(out.sum(0), labels)


def _check(net: nn.Sequential, run: Callable[[], Tensor]) -> Callable[[], tuple[float, list[Tensor]]]:
    """What `Built.check` tells, after what computes the loss and leaves its gradients."""

    def check() -> tuple[float, list[Tensor]]:
        loss = run()
        hidden = [layer for layer in net if isinstance(layer, nn.Spiking)]
        own = [layer.weight_gradient() for layer in hidden]
        within = [layer.recurrent_gradient() for layer in hidden if layer.recurrent is True]
        readout = [layer.weight_gradient() for layer in net if isinstance(layer, nn.LI)]
        return loss.item(), [gradient for gradient in (*own, *within, *readout) if gradient is not None]

    return check
