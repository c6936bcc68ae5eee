"""Histograms of rates hold every neuron once."""

import numpy as np
import pytest

from spikeloom.show.figures import rates


@pytest.mark.parametrize("seed", range(3))
def test_every_neuron_is_in_one_bin(seed: int) -> None:
    chance = np.random.default_rng(seed)
    share = 10.0 ** chance.uniform(-5, 0, 300)
    share[:40] = 0
    share[40] = 1.0
    silent, edges, counts = rates.histogram(share)
    assert silent == 40
    assert counts.sum() == 260
    assert edges[0] <= share[share > 0].min()
    assert edges[-1] == pytest.approx(1.0)
    expected, _ = np.histogram(share[share > 0], [*edges[:-1], 1.0])
    assert counts.tolist() == expected.tolist()


def test_a_layer_that_never_spikes() -> None:
    silent, edges, counts = rates.histogram(np.zeros(9))
    assert (silent, counts.sum()) == (9, 0)
    assert len(edges) == len(counts) + 1
    assert "9 of 9 neurons" in rates.draw("layer 1", np.zeros(9), "d-hid")


def test_a_bin_says_what_it_holds() -> None:
    drawn = rates.draw("layer 1", np.array([0.0, 0.015, 0.015]), "d-hid")
    assert "1 neuron never spiked" in drawn
    assert "2 neurons at " in drawn
