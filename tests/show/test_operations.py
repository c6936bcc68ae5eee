"""Synaptic operations, counted one by one on dense tensors."""

import numpy as np
import pytest
import torch
from reports import INPUTS, STEPS, batches, network

from spikeloom import Spikes
from spikeloom.show import operations
from spikeloom.show.passes import flows


def windows(x: Spikes) -> torch.Tensor:
    """`[T, B, N]`, True inside the window."""
    inside = torch.zeros(x.batch * x.steps, x.neurons, dtype=torch.bool)
    inside[x.rows(), x.ids.long()] = True
    return inside.view(x.batch, x.steps, x.neurons).transpose(0, 1)


def test_a_feed_forward_layer() -> None:
    found, _ = flows(network(), batches()[0][0])
    first, second = found[0], found[1]
    work = operations.count(first, first=True)
    spikes = first.x.dense().sum((0, 2)).numpy()
    assert np.array_equal(work.forward, 24 * spikes)
    assert np.array_equal(work.backward, 24 * spikes)
    assert work.dense_forward == work.dense_backward == STEPS * INPUTS * 24
    work = operations.count(second, first=False)
    spikes, window = second.x.dense().sum((0, 2)).numpy(), windows(second.x).sum((0, 2)).numpy()
    assert (window > spikes).any()
    assert np.array_equal(work.forward, 16 * spikes)
    assert np.array_equal(work.backward, 16 * spikes + 16 * window)
    assert (work.dense_forward, work.dense_backward) == (STEPS * 24 * 16, 2 * STEPS * 24 * 16)


@pytest.mark.parametrize("changes", [{}, {"max_activity": 0.2}, {"sparse": False}])
def test_a_recurrent_layer_adds_its_own_spikes_but_the_last(changes: dict[str, object]) -> None:
    flow = flows(network(recurrent=True, **changes), batches()[0][0])[0][0]
    assert flow.own is not None
    work = operations.count(flow, first=True)
    spikes = flow.x.dense().sum((0, 2)).numpy()
    outer = np.full(5, STEPS * INPUTS * 24) if changes.get("sparse") is False else 24 * spikes
    heard, window = flow.own.dense()[:-1].sum((0, 2)).numpy(), windows(flow.own)[:-1].sum((0, 2)).numpy()
    assert np.array_equal(work.forward, outer + 24 * heard)
    assert np.array_equal(work.backward, outer + 24 * heard + 24 * window)
    assert work.dense_forward == STEPS * INPUTS * 24 + (STEPS - 1) * 24 * 24
    assert work.dense_backward == STEPS * INPUTS * 24 + 2 * (STEPS - 1) * 24 * 24


def test_a_linear_readout_does_dense_work() -> None:
    flow = flows(network(readout="linear"), batches()[0][0])[0][-1]
    work = operations.count(flow, first=False)
    assert not operations.is_sparse(flow.layer)
    assert (work.forward == work.dense_forward).all()
    assert (work.backward == work.dense_backward).all()


def test_no_spike_costs_nothing() -> None:
    silent = Spikes.from_dense(torch.zeros(STEPS, 2, INPUTS))
    for place, flow in enumerate(flows(network(), silent)[0]):
        work = operations.count(flow, first=place == 0)
        assert work.forward.tolist() == work.backward.tolist() == [0, 0]
