"""The readout against the reference: both routes and all widths, odd sizes, states, and a neuron of two states."""

import pytest
import torch
from engine import ROUTES, padded, spread
from ops.readouts import numbers, problem, run_operator, run_reference
from oracle import assert_as_good_as
from own_neurons import ADAPTIVE
from torch import Tensor

from spikeloom import Spikes, ops
from spikeloom.neurons import equations
from spikeloom.nn.blocked import to_blocks

both_routes = pytest.mark.parametrize("sparse", ROUTES.values(), ids=ROUTES)
all_widths = pytest.mark.usefixtures("lanes")


def assert_as_reference(*, sparse: bool, **sizes: int) -> None:
    """Hold the operator to the reference, errors being the largest over a few seeds."""
    trios: dict[str, list[list[Tensor]]] = {}
    for seed in (0, 10, 20):
        given = problem(seed=seed, **sizes)
        got, want32, want64 = (
            run_operator(given, sparse=sparse),
            *(run_reference(given, t) for t in (torch.float32, torch.float64)),
        )
        assert set(got) == set(want32)
        for name, value in got.items():
            assert value.shape == want32[name].shape
            trios.setdefault(name, []).append([x[name].flatten() for x in (got, want32, want64)])
    for name, parts in trios.items():
        assert_as_good_as(*(torch.cat(part) for part in zip(*parts, strict=True)), name)


@pytest.mark.parametrize("bias", [False, True])
@both_routes
@all_widths
def test_readout_is_as_good_as_the_reference(sparse: bool, bias: bool) -> None:
    assert_as_reference(sparse=sparse, bias=bias, inputs=70, outputs=10, batch=5, steps=20)


@pytest.mark.parametrize("outputs", [1, 33, 63, 64, 65, 700])
@both_routes
@all_widths
def test_odd_sizes(sparse: bool, outputs: int) -> None:
    assert_as_reference(sparse=sparse, inputs=33, outputs=outputs, batch=3, steps=4)
    assert_as_reference(sparse=sparse, inputs=1, outputs=outputs, batch=1, steps=1)


@both_routes
@all_widths
def test_without_input_a_readout_decays(sparse: bool) -> None:
    given = problem(inputs=9, outputs=5, batch=2, steps=6, seed=0, bias=False)
    given["x"].zero_()
    got = run_operator(given, sparse=sparse)
    decays = given["beta"].float() ** torch.arange(1, 7)[:, None, None] * given["state"].float()
    torch.testing.assert_close(got["out"], decays)
    assert not bool(got["d_weight"].any())


@all_widths
def test_a_neuron_of_two_states_may_read_out() -> None:
    """The readout names no neuron: it returns the margin of whatever it is given, here one that never spikes."""
    x, weight = (numbers(6, 3, 20, seed=0) > 0.2).double(), numbers(4, 20, seed=1)
    values = (0.8, 0.5, 1.0, 0.9, 0.25)  # beta, gain, threshold, rho, jump
    states = (torch.zeros(3, 4).double(), numbers(3, 4, seed=2))
    d_out = numbers(6, 3, 4, seed=3)
    results = []
    for dtype in (torch.float32, torch.float64):
        leaf = weight.to(dtype).clone().requires_grad_()
        state, margins = tuple(s.to(dtype) for s in states), []
        for x_t in x.to(dtype):
            state, margin = ADAPTIVE.step(state, torch.zeros(3, 4, dtype=dtype), x_t @ leaf.T, values)
            margins.append(margin)
        torch.stack(margins).backward(d_out.to(dtype))
        results.append((torch.stack(margins).detach(), leaf.grad))
    leaf, spikes = weight.float().requires_grad_(), Spikes.from_dense(x)
    parameters = torch.stack([spread(value, 4) for value in values])
    start = torch.stack([padded(s.float()) for s in states])
    rows = (spikes.ids, spikes.row_start, spikes.spike_count, spikes.active)
    out, last, _ = ops.readout(*rows, to_blocks(leaf), None, parameters, start, 4, 6, equations(ADAPTIVE).text)
    out.backward(d_out.float())
    assert last.shape == (2, 3, 64)
    for name, got, want32, want64 in zip(("out", "d_weight"), (out, leaf.grad), *results, strict=True):
        assert_as_good_as(got.detach(), want32, want64, name)
