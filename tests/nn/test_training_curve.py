"""A short training whose losses are stored: nothing that changes numbers goes unseen."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from engine import lanes  # noqa: F401 fixture

from spikeloom import Spikes, nn
from spikeloom.surrogates import Boxcar

STORED = Path(__file__).with_name("training_curve.json")


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


def train(threads: int) -> list[float]:
    """The losses of 20 steps on one batch of random spikes."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.LIF(60, 100, bias=True, sparse=True), nn.LIF(100, 70, recurrent=True), nn.LI(70, 4))
    x, labels = Spikes.from_dense((torch.rand(12, 16, 60) < 0.1).float()), torch.arange(16) % 4
    optimizer, losses = torch.optim.Adam(net.parameters(), lr=2e-3), []
    with on_threads(threads):
        for _ in range(20):
            loss = nn.losses.cross_entropy_on_max_membrane(net(x)[0], labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def exact_weights(name: str, value: torch.Tensor) -> torch.Tensor:
    if "weight" not in name:
        return value
    return torch.randint(-1024, 1025, value.shape) / 2**11


def train_exactly(threads: int) -> list[float]:
    """The losses of a training whose every float32 rounding is the same on every processor and at every width.

    A product may or may not be fused with the sum that it goes into: here decays, slopes and the learning rate are
    powers of two, so products are exact. What torch adds up in an order of its own, it adds in float64. Its own random
    weights would differ by processor in their last bits.
    """
    torch.manual_seed(0)
    settings = {"beta": 0.5, "surrogate": Boxcar(0.5), "second_threshold": 0.5, "sparse": True}
    hidden = nn.LIF(60, 100, bias=True, **settings), nn.LIF(100, 70, recurrent=True, **settings)
    net = nn.Sequential(*hidden, nn.LI(70, 4, beta=0.5, bias=True))
    net.load_state_dict({name: exact_weights(name, value) for name, value in net.state_dict().items()})
    x = Spikes.from_dense((torch.rand(16, 16, 60) < 0.1).float())
    wanted = torch.nn.functional.one_hot(torch.arange(16) % 4, 4).double()
    optimizer, losses = torch.optim.SGD(net.parameters(), lr=2**-5), []
    with on_threads(threads):
        for _ in range(20):
            loss = (net(x)[0].double() - wanted).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


@pytest.mark.usefixtures("lanes")
def test_an_exact_curve_is_the_stored_one_to_the_digit() -> None:
    losses = train_exactly(threads=1)
    assert train_exactly(threads=2) == losses
    assert losses[-1] < 0.5 * losses[0]
    assert losses == pytest.approx(json.loads(STORED.read_text())["exact"], rel=1e-13)


def test_the_curve_is_the_stored_one_on_any_number_of_threads(lanes: int) -> None:  # noqa: F811
    losses = train(threads=1)
    assert train(threads=2) == losses
    assert losses[-1] < 0.5 * losses[0]
    # Processors may fuse a multiplication and an addition or not, and torch's sums differ by processor: hence no bits.
    assert losses == pytest.approx(json.loads(STORED.read_text())[str(lanes)], rel=1e-4)
