"""Networks trained on a GPU, or in Triton's interpreter, against the same networks trained by the CPU's kernels."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from layers import binary
from oracle import assert_close
from torch import Tensor

from spikeloom import Spikes, nn
from spikeloom.nn import losses
from spikeloom.surrogates import SuperSpike

STEPS, BATCH, INPUTS, CLASSES = 6, 2, 30, 5
GENTLE = SuperSpike(1.0)
"""A steep surrogate turns one rounding of a membrane next to its threshold into the largest error."""
ROUTES = {"sparse": (True, True), "dense": (False, False), "sparse_then_dense": (True, False), "auto": ("auto",) * 2}
Results = dict[str, Tensor]


def network(first: bool | str, second: bool | str, **settings: Any) -> nn.Sequential:
    """Feed-forward neurons, recurrent ones, adaptive ones, and a readout."""
    torch.manual_seed(0)
    settings["surrogate"] = GENTLE
    net = nn.Sequential(
        nn.LIF(INPUTS, 70, sparse=first, bias=True, learn=("beta",), **settings),
        nn.LIF(70, 40, sparse=second, recurrent=True, **settings),
        nn.AdLIF(40, 33, sparse=second, learn=("a",), **settings),
        nn.LI(33, CLASSES, bias=True, learn=("beta",)),
    )
    nn.init.scale_to_activity_(net, batch(), 0.15)
    return net


def batch() -> Spikes:
    return Spikes.from_dense(binary(STEPS, BATCH, INPUTS, activity=0.15))


def trained(net: nn.Sequential, device: str, loss: Callable[..., Tensor], *, calls: int = 1, steps: int = 1) -> Results:
    """Gradients of the first step, and the losses of all.

    Args:
        net: to train, a copy of it.
        device: where.
        loss: of the last call's output.
        calls: into so many a batch is cut; gradients flow across them.
        steps: of torch's Adam.
    """
    net = copy.deepcopy(net).to(device)
    torch.manual_seed(1)  # of caps, which draw on the CPU
    x, labels = batch(), (torch.arange(BATCH) % CLASSES).to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    size, found = STEPS // calls, {}
    for number in range(steps):
        optimizer.zero_grad()
        state, outputs = None, []
        for first in range(0, STEPS, size):
            out, state = net(x[first : first + size].to(device), state)
            outputs.append(out)
        value = loss(torch.cat(outputs) if calls > 1 else outputs[0], labels)
        value.backward()
        found[f"loss {number}"] = value.detach().cpu()
        if number == 0:
            found |= {name: p.grad.cpu() for name, p in net.named_parameters() if p.grad is not None}
        optimizer.step()
    return found


def assert_same(got: Results, want: Results) -> None:
    assert set(got) == set(want)
    for name, value in want.items():
        assert bool(value.any()), f"{name}: zeros show nothing"
        assert_close(got[name], value, kind="float32", name=name)


def compare(request: pytest.FixtureRequest, net: nn.Sequential, loss: Callable[..., Tensor], **settings: int) -> None:
    """Hold the GPU to the CPU, whose turn comes first: without a GPU, its functions take the place of the CPU's."""
    want = trained(net, "cpu", loss, **settings)
    assert_same(trained(net, request.getfixturevalue("gpu"), loss, **settings), want)


@pytest.mark.parametrize("routes", ROUTES.values(), ids=ROUTES)
def test_losses_and_gradients_are_the_cpus(routes: tuple[bool | str, bool | str], request: Any) -> None:
    compare(request, network(*routes), losses.cross_entropy_per_step, steps=2)


@pytest.mark.parametrize("routes", [ROUTES["sparse"], ROUTES["dense"]], ids=["sparse", "dense"])
def test_a_batch_in_two_calls(routes: tuple[bool | str, bool | str], request: Any) -> None:
    compare(request, network(*routes, delay=1), losses.cross_entropy_on_max_membrane, calls=2)


@pytest.mark.parametrize("sparse", [True, False], ids=["sparse", "dense"])
def test_a_network_that_ends_with_spikes(sparse: bool, request: Any) -> None:
    net = network(sparse, sparse)
    last = nn.LIF(33, CLASSES, sparse=sparse, surrogate=GENTLE)
    net = nn.Sequential(*list(net)[:-1], last)
    nn.init.scale_to_activity_(net, batch(), 0.2)
    compare(request, net, losses.mean_squared_error_on_spike_counts)


@pytest.mark.parametrize("sparse", [True, False], ids=["sparse", "dense"])
def test_caps_drop_the_same_ids(sparse: bool, request: Any) -> None:
    net = network(sparse, sparse, max_activity=0.1)
    compare(request, net, losses.cross_entropy_summed_over_steps)
