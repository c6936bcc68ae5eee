"""Numbers that are read of a GPU with one wait; tensors that torch only pretends to have stand in for those there."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from spikeloom.spikes import Spikes
from spikeloom.train import reading
from spikeloom.train.norm import late_norm
from spikeloom.train.penalties import neuron_counts, on_activity
from spikeloom.train.seen import Unread


def numbers() -> list[torch.Tensor]:
    return [torch.tensor(0.25), torch.tensor([3, 1, 2]), torch.rand(4, 2), torch.tensor(1 << 40), torch.zeros(0)]


def test_they_come_back_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    monkeypatch.setattr(reading, "is_late", lambda device: True)
    monkeypatch.setattr(reading, "here", lambda flat: reads.append(flat.numel()) or flat)
    given = numbers()
    got = reading.together(given)
    assert reads == [1 + 3 + 8 + 1]
    for one, other in zip(got, given, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


def test_on_the_cpu_they_are_there_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "here", lambda flat: pytest.fail("nothing is copied"))
    given = numbers()
    assert all(one.data_ptr() == other.data_ptr() for one, other in zip(reading.together(given), given, strict=True))


def test_nothing_is_asked_for_before_the_read() -> None:
    """A pretended tensor has no numbers: whoever asks for one, or mixes devices, fails."""
    with FakeTensorMode():
        ids, active = torch.zeros(7, dtype=torch.int32, device="cuda"), torch.ones(7, device="cuda")
        start, count = (
            torch.zeros(13, dtype=torch.int64, device="cuda"),
            torch.zeros(12, dtype=torch.int32, device="cuda"),
        )
        spikes = Spikes(ids, start, count, active, 4, 3, 50)
        raster = Spikes.unlisted(
            torch.zeros(4, 3, 64, device="cuda"), count, lambda: pytest.fail("listed"), steps=4, neurons=50
        )
        unread = [Unread.of(x, torch.tensor(1, device="cuda")) for x in (spikes, raster)]
        both = unread[0] + unread[1]
        norm = late_norm([torch.rand(3, 4, device="cuda"), torch.rand(5, device="cuda")])
        penalty = on_activity([neuron_counts(spikes)], 12, low=0.1, high=0.2, strength=1.0)
        tensors = [norm, penalty, *both.tensors()]
        assert [x.device.type for x in tensors] == ["cuda"] * 4
        assert [tuple(x.shape) for x in tensors] == [(), (), (50,), ()]
        assert [x.device.type for x in reading.together(tensors)] == ["cpu"] * 4
