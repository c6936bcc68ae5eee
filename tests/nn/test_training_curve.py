"""A short training whose losses are stored: nothing that changes numbers goes unseen."""

import json
from pathlib import Path

import pytest
import torch
from engine import lanes  # noqa: F401 fixture

from spikeloom import Spikes, nn

STORED = Path(__file__).with_name("training_curve.json")


def train(threads: int) -> list[float]:
    """The losses of 20 steps on one batch of random spikes."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        torch.manual_seed(0)
        net = nn.Sequential(nn.LIF(60, 100, bias=True, sparse=True), nn.LIF(100, 70, recurrent=True), nn.LI(70, 4))
        x, labels = Spikes.from_dense((torch.rand(12, 16, 60) < 0.1).float()), torch.arange(16) % 4
        optimizer, losses = torch.optim.Adam(net.parameters(), lr=2e-3), []
        for _ in range(20):
            loss = nn.losses.cross_entropy_on_max_membrane(net(x)[0], labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses
    finally:
        torch.set_num_threads(before)


def test_the_curve_is_the_stored_one_on_any_number_of_threads(lanes: int) -> None:  # noqa: F811
    losses = train(threads=1)
    assert train(threads=2) == losses
    assert losses[-1] < 0.5 * losses[0]
    # Processors may fuse a multiplication and an addition or not, and torch's sums differ by processor: hence no bits.
    assert losses == pytest.approx(json.loads(STORED.read_text())[str(lanes)], rel=1e-4)
