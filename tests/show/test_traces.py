"""Membranes: the reference crosses the threshold exactly where the kernels' neurons spike."""

import pytest
import torch
from reports import STEPS, batches, network

from spikeloom import InputError
from spikeloom.show.passes import flows
from spikeloom.show.traces import check_neurons, membranes, traces


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"recurrent": True},
        {"bias": True, "reset": "subtract"},
        {"max_activity": 0.1},
        {"tau_ms": 9.0, "beta": None},
    ],
)
def test_a_membrane_reaches_its_threshold_where_the_neuron_spikes(changes: dict[str, object]) -> None:
    found, _ = flows(network(**changes), batches()[0][0])
    for flow in (found[0].sample(2), found[1].sample(2)):
        assert flow.own is not None
        spiked = flow.own.dense()[:, 0] != 0
        assert torch.equal(membranes(flow) >= flow.layer.threshold, spiked)
        for one in traces(flow):
            assert (one.membrane >= one.threshold).tolist() == one.spikes.tolist()
            assert len(one.membrane) == STEPS


def test_telling_neurons_are_the_busiest_one_in_the_middle_and_a_silent_one() -> None:
    flow = flows(network(hidden=(64,)), batches()[0][0])[0][0].sample(0)
    assert flow.own is not None
    counts = flow.own.dense()[:, 0].sum(0)
    assert (counts == 0).any()
    busy, middle, silent = (int(one.spikes.sum()) for one in traces(flow))
    assert busy == counts.max()
    assert busy >= middle > 0
    assert silent == 0


def test_chosen_neurons_that_the_layer_has() -> None:
    flow = flows(network(), batches()[0][0])[0][1].sample(0)
    assert [one.neuron for one in traces(flow, [3, 15, 16, 200])] == [3, 15]


def test_neurons_that_no_layer_has() -> None:
    check_neurons([0, 23], 24)
    with pytest.raises(InputError, match="--neurons: expected numbers from 0 to 23, neurons of a layer, got 24"):
        check_neurons([3, 24], 24)
