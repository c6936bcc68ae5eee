"""Every spike of a sample is in its raster, whatever the size."""

import re

import numpy as np
import pytest
import torch
from reports import batches, network

from spikeloom import Spikes
from spikeloom.show import collect
from spikeloom.show.figures import raster


def places(path: str) -> list[tuple[float, float, float]]:
    """(x, y, length) of each dash."""
    return [tuple(map(float, part)) for part in re.findall(r"M([\d.]+),([\d.]+)h([\d.]+)", path)]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("steps", "neurons", "rate"), [(100, 300, 0.03), (7, 3, 0.5), (10_000, 40, 0.01), (50, 1, 0.2)]
)
def test_every_spike_lies_under_a_dash_and_every_dash_over_a_spike(steps: int, neurons: int, rate: float) -> None:
    x = torch.rand(steps, 1, neurons, generator=torch.Generator().manual_seed(0)) < rate
    dashes = places(raster.dots(Spikes.from_dense(x.float()), 50, 20, 400, 90))
    step, neuron = x[:, 0].nonzero().numpy().T
    across, down = 50 + (step + 0.5) / steps * 400, 20 + (neurons - neuron - 0.5) / neurons * 90
    for a, d in zip(across[:200], down[:200], strict=True):
        assert any(left - 1 <= a <= left + length + 1 and abs(y - d) <= 1 for left, y, length in dashes)
    for left, y, length in dashes[:200]:
        assert 50 <= left <= left + length <= 455
        near = (across >= left - 1) & (across <= left + length + 1) & (np.abs(down - y) <= 1)
        assert near.any()


def test_a_path_stays_short_however_many_spikes_there_are() -> None:
    x = torch.rand(3000, 1, 500, generator=torch.Generator().manual_seed(0)) < 0.05
    path = raster.dots(Spikes.from_dense(x.float()), 50, 20, 462, 130)
    assert len(places(path)) <= raster.MOST_RUNS
    assert len(path) < 200_000


def test_no_spike_is_an_empty_path() -> None:
    assert places(raster.dots(Spikes.from_dense(torch.zeros(5, 1, 5)), 0, 0, 100, 100)) == []


@pytest.mark.parametrize("readout", ["li", "spikes", "linear"])
def test_the_class_in_the_lead(readout: str) -> None:
    found = collect.survey(network(readout=readout), batches())
    for example in found.examples:
        lead, alone = raster.winners(example)
        output = example.output
        values = output.dense().cumsum(0) if isinstance(output, Spikes) else output
        for t, (k, single) in enumerate(zip(lead, alone, strict=True)):
            top = values[t, 0].max()
            assert values[t, 0, k] == top
            assert single == ((values[t, 0] == top).sum() == 1)
