"""Layers are made to spike as often as asked, or the problem is refused."""

import math

import pytest
import torch
from bench.small import TINY, tiny

from spikeloom import InputError
from spikeloom.bench import problem
from spikeloom.bench.cases import Workload
from spikeloom.neurons import lif
from spikeloom.reference.feedforward import feedforward
from spikeloom.surrogates import SuperSpike


@pytest.mark.parametrize("target", [0.03, 0.1, 0.5, 0.8])
@pytest.mark.parametrize("recurrent", [False, True])
def test_every_layer_spikes_as_often_as_asked(target: float, recurrent: bool) -> None:
    made = problem.make(tiny(recurrent=recurrent, hidden_activity=target))
    for layer in made.layers:
        assert layer.activity == pytest.approx(target, rel=problem.MISS)
        assert layer.window >= layer.activity


def test_activity_and_window_are_those_of_the_reference() -> None:
    made = problem.make(tiny())
    w, x = made.workload, made.spikes.dense()
    for layer in made.layers:
        x, window, *_ = feedforward(
            x,
            layer.weight,
            neuron=lif.neuron("zero"),
            parameters=(w.beta, w.gain, w.threshold),
            depth=w.second_threshold - w.threshold,
            surrogate=SuperSpike(w.slope),
        )
        assert float(x.mean()) == pytest.approx(layer.activity, rel=0.02)
        assert float(window.float().mean()) == pytest.approx(layer.window, rel=0.02)


def test_what_cannot_spike_so_often_is_refused() -> None:
    rare = Workload(TINY, activity=1e-9, hidden_activity=0.1, hidden=(96,), batch=2)
    with pytest.raises(
        InputError, match=r"hidden activity of layer 1: expected 0\.1 within 20%, got 0 at best; choose"
    ):
        problem.make(rare)


def test_the_same_seed_makes_the_same_problem() -> None:
    first, second = problem.make(tiny()), problem.make(tiny())
    assert torch.equal(first.layers[1].weight, second.layers[1].weight)
    assert torch.equal(first.spikes.ids, second.spikes.ids)
    assert torch.equal(first.labels, second.labels)


def test_bisect_comes_within_a_hundredth() -> None:
    assert problem.bisect(math.exp, 2.0, low=-3.0, high=3.0) == pytest.approx(math.log(2), abs=0.01)
    assert problem.bisect(math.exp, 1e9, low=-3.0, high=3.0) == 3.0


def test_weights_gradients_and_moments_are_counted() -> None:
    assert problem.make(tiny()).state_bytes == 4 * 4 * (70 * 96 + 96 * 130 + 130 * 3)
    assert problem.make(tiny(recurrent=True)).state_bytes == 4 * 4 * (
        70 * 96 + 96 * 96 + 96 * 130 + 130 * 130 + 130 * 3
    )
