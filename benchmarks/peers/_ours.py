"""What all of our own adapters share: the case as a network of `spikeloom.nn`."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.case import Built, Case, optimizer
from spikeloom import nn, optim
from spikeloom.spikes import Spikes
from spikeloom.surrogates import SuperSpike

PACKAGES = ("spikeloom", "torch", "numba")


def build(case: Case, *, sparse: bool | str, bf16: bool = False) -> Built:
    """The engine on a case.

    Args:
        case: what to train on.
        sparse: as `nn.Spiking` takes it.
        bf16: whether forward passes run inside of `torch.autocast` to bfloat16.
    """
    net = network(case, sparse=sparse)
    labels = case.labels.clone()
    parameters = list(net.parameters())
    # The same Adam on our own threads; for SGD torch's is the user's choice with us too.
    train = optim.Adam(parameters, lr=0.0) if case.optimizer == "adam" else optimizer(case.optimizer, parameters)

    def context() -> AbstractContextManager[object]:
        return torch.autocast("cpu", torch.bfloat16) if bf16 else nullcontext()

    with torch.no_grad(), context():
        x = _input(net, case)

    def step() -> None:
        train.zero_grad()
        with context():
            loss = _loss(net(x)[0], labels)
        loss.backward()  # type: ignore[no-untyped-call]
        train.step()

    @torch.no_grad()
    def activity() -> list[float]:
        with context():
            net(x)
        return [layer.last_activity for layer in net if isinstance(layer, nn.Spiking)]

    return Built(step, activity, _check(net, x, labels, context))


def _input(net: nn.Sequential, case: Case) -> Spikes | Tensor:
    """The case's input, ready in the form that the first layer's route takes; a first pass chooses routes left open."""
    x = Spikes.from_dense(case.x) if case.binary and net[0].sparse is not False else case.x.clone()
    net(x)
    if net[0].route.sparse:
        return x
    # As the peers: ready in the number type that the product takes.
    return case.x.to(torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32, copy=True)


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


def _check(
    net: nn.Sequential, x: Spikes | Tensor, labels: Tensor, context: Callable[[], AbstractContextManager[object]]
) -> Callable[[], tuple[float, list[Tensor]]]:
    def check() -> tuple[float, list[Tensor]]:
        net.zero_grad()
        with context():
            loss = _loss(net(x)[0], labels)
        loss.backward()  # type: ignore[no-untyped-call]
        hidden = [layer for layer in net if isinstance(layer, nn.Spiking)]
        own = [layer.weight_gradient() for layer in hidden]
        within = [layer.recurrent_gradient() for layer in hidden if layer.recurrent is True]
        readout = [layer.weight_gradient() for layer in net if isinstance(layer, nn.LI)]
        return loss.item(), [gradient for gradient in (*own, *within, *readout) if gradient is not None]

    return check
