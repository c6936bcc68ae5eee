"""What comes to each layer and leaves it is what the network itself computes."""

from itertools import pairwise

import pytest
import torch
from reports import batches, network
from torch._subclasses.fake_tensor import FakeTensorMode

from spikeloom import Spikes
from spikeloom.show import passes
from spikeloom.show.passes import flows

KINDS = [
    {},
    {"recurrent": True},
    {"readout": "linear"},
    {"readout": "spikes"},
    {"max_activity": 0.2, "recurrent": True},
    {"hidden": ()},
    {"sparse": False},
]


@pytest.mark.parametrize("changes", KINDS)
def test_layers_and_output_are_the_networks_own(changes: dict[str, object]) -> None:
    model, (spikes, _) = network(**changes), batches()[0]
    torch.manual_seed(0)
    expected = model(spikes)
    torch.manual_seed(0)
    found, output = flows(model, spikes)
    assert [flow.name for flow in found] == [f"layer {k}" for k in range(1, len(model.network) + 1)]
    assert found[0].x is spikes
    assert found[-1].out is output
    dense = [one.dense() if isinstance(one, Spikes) else one for one in (expected, output)]
    assert torch.equal(*dense)
    for before, after in pairwise(found):
        assert after.x is before.out


def test_a_cap_holds_back_what_leaves_but_not_the_neurons_own_spikes() -> None:
    spikes = batches()[0][0]
    capped, free = network(max_activity=0.1), network()
    found, _ = flows(capped, spikes)
    first = flows(free, spikes)[0][0]
    assert found[0].own is not None
    assert first.own is not None
    assert torch.equal(found[0].own.dense(), first.own.dense())
    assert isinstance(found[0].out, Spikes)
    assert found[0].out.activity < found[0].own.activity
    assert capped.network[0].max_activity == 0.1


def test_what_a_gpu_made_is_brought_back() -> None:
    """Tensors without numbers stand in for those of a GPU."""
    with FakeTensorMode():
        raster, count = torch.zeros(4, 3, 50, device="cuda"), torch.zeros(12, dtype=torch.int32, device="cuda")
        start, ids = torch.zeros(13, dtype=torch.int64, device="cuda"), torch.zeros(7, dtype=torch.int32, device="cuda")
        spikes = passes._here(Spikes(ids, start, count, torch.ones(7, device="cuda"), 4, 3, 50))
        tensors = [passes._here(raster), spikes.ids, spikes.row_start, spikes.spike_count, spikes.active]
        assert [x.device.type for x in tensors] == ["cpu"] * 5
    assert passes._here(None) is None


def test_a_sample_of_a_flow() -> None:
    found, output = flows(network(), batches()[0][0])
    one = found[0].sample(3)
    assert one.x.batch == 1
    assert one.own is not None
    assert found[0].own is not None
    assert torch.equal(one.own.dense()[:, 0], found[0].own.dense()[:, 3])
    assert isinstance(output, torch.Tensor)
    assert torch.equal(found[-1].sample(3).out, output[:, 3:4])
