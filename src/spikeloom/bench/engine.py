"""The engine as a contender, on its sparse or on its own dense route."""

import torch

from spikeloom import nn, optim
from spikeloom.bench.contender import Contender
from spikeloom.bench.problem import Problem
from spikeloom.surrogates import SuperSpike


def network(problem: Problem, *, sparse: bool) -> nn.Sequential:
    """The problem's network, with its weights."""
    w, layers = problem.workload, []
    for given in problem.layers:
        neurons, inputs = given.weight.shape
        layer = nn.LIF(
            inputs,
            neurons,
            beta=w.beta,
            threshold=w.threshold,
            second_threshold=w.second_threshold,
            gain=w.gain,
            surrogate=SuperSpike(w.slope),
            recurrent=w.recurrent,
            sparse=sparse,
        )
        layer.load_weight_matrix(given.weight)
        if given.recurrent is not None:
            layer.load_recurrent_matrix(given.recurrent)
        layers.append(layer)
    classes, inputs = problem.readout.shape
    readout = nn.LI(inputs, classes, beta=w.readout_beta, gain=w.gain)
    readout.load_weight_matrix(problem.readout)
    return nn.Sequential(*layers, readout)


def engine(problem: Problem, *, sparse: bool) -> Contender:
    """The engine on a problem.

    Args:
        problem: what to train on.
        sparse: the sparse kernels, or the dense route with its fused scan of neurons.
    """
    net, spikes = network(problem, sparse=sparse), problem.spikes
    parameters = list(net.parameters())

    @torch.no_grad()
    def activity() -> list[float]:
        net(spikes)
        return [layer.last_activity for layer in net if isinstance(layer, nn.Spiking)]

    return Contender(
        parameters, optim.Adam(parameters, lr=0.0), lambda: net(spikes)[0].sum(0), problem.labels, activity
    )
