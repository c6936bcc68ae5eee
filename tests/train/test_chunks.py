"""Gradients in chunks of time: equal to those of all steps at once, or to those cut by hand."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
import torch
from networks import CLASSES, STEPS, batch, classifier, goal, gradients
from oracle import assert_close
from torch import Tensor

from spikeloom import Spikes
from spikeloom.nn.losses import OBJECTIVES
from spikeloom.train import chunks
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import TrainingSettings
from spikeloom.train.goal import Goal

PENALTY = {"activity_penalty": 2.0, "activity_low": 0.1, "activity_high": 0.2}


def dense(output: Spikes | Tensor) -> Tensor:
    return (output.dense() if isinstance(output, Spikes) else output).detach()


def by_hand(wanted: Goal, spikes: Spikes, chunk: int, *, cut: bool) -> tuple[Tensor, Tensor]:
    """The gradient in one graph, which has all chunks in it."""
    state, kept, counts = None, [], None
    for first in range(0, spikes.steps, chunk):
        layers, state = wanted.model.network.layers(spikes[first : first + chunk], state)
        state = state.detach() if cut else state
        out = layers[-1]
        kept.append(out.dense() if isinstance(out, Spikes) else out)
        here = wanted.counts(layers)
        counts = here if counts is None else [a + b for a, b in zip(counts, here, strict=True)]
    loss = wanted.objective(torch.cat(kept))
    (loss + wanted.penalty(counts)).backward()
    return loss.detach(), torch.cat(kept).detach()


def assert_same(got: dict[str, Tensor], want: dict[str, Tensor], kind: str = "float32") -> None:
    assert got.keys() == want.keys()
    for name, value in want.items():
        assert bool(value.any()), f"{name}: a gradient that is zero shows nothing"
        assert_close(got[name], value, kind=kind, name=name)


def compare(model: Classifier, chunk: int, settings: dict[str, Any], **penalty: float) -> None:
    """A step in chunks against the gradient by hand; both begin with the same random numbers, and end so."""
    spikes, labels = batch()
    cut = "tbptt" in settings
    wanted = goal(model, spikes, labels, **settings, **penalty)
    torch.manual_seed(5)
    loss, output = by_hand(wanted, spikes, chunk, cut=cut)
    want, after = gradients(model), torch.get_rng_state()
    torch.manual_seed(5)
    got_loss, got_output = chunks.backward(wanted, spikes)
    assert torch.equal(torch.get_rng_state(), after)
    assert torch.equal(dense(got_output), output)
    assert_close(got_loss, loss, kind="float32")
    assert_same(gradients(model), want)


# Spikes have no membrane, and the settings refuse this pair.
PAIRS = [pair for pair in product(OBJECTIVES, ["li", "linear", "spikes"]) if pair != ("max_membrane", "spikes")]


@pytest.mark.parametrize(("loss", "readout"), PAIRS)
def test_the_gradient_in_chunks_is_the_gradient(loss: str, readout: str) -> None:
    model = classifier(loss=loss, readout=readout)
    spikes, labels = batch()
    loss_at_once, output = chunks.backward(goal(model, spikes, labels), spikes)
    want = gradients(model)
    for chunk in (7, STEPS, 50):
        got_loss, got_output = chunks.backward(goal(model, spikes, labels, time_chunk=chunk), spikes)
        assert torch.equal(dense(got_output), dense(output))
        assert_close(got_loss, loss_at_once, kind="float32")
        assert_same(gradients(model), want)


@pytest.mark.parametrize("reset", ["zero", "subtract", "none"])
@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("sparse", [True, False])
def test_of_every_kind_of_layer(reset: str, recurrent: bool, sparse: bool) -> None:
    model = classifier(reset=reset, recurrent=recurrent, sparse=sparse, loss="max_membrane")
    spikes, labels = batch()
    chunks.backward(goal(model, spikes, labels), spikes)
    want = gradients(model)
    for chunk in (1, 6):
        chunks.backward(goal(model, spikes, labels, time_chunk=chunk), spikes)
        assert_same(gradients(model), want)


NEURONS = {
    "delay": {"delay": 3},
    "a delay longer than a chunk": {"delay": 8, "recurrent": True},
    "one to one": {"recurrent": "one-to-one", "refractory": 2, "learn": ("beta",)},
    "learned": {"learn": ("beta", "gain", "threshold"), "learn_per": "layer"},
    "adlif": {"neuron": "adlif", "neuron_parameters": ("rho=0.9", "a=0.7")},
    "all": {"neuron": "se_adlif", "learn": ("beta", "rho"), "recurrent": True, "refractory": 3, "delay": 2},
}


@pytest.mark.parametrize("name", NEURONS)
def test_of_every_kind_of_neuron(name: str) -> None:
    """The states, the rest and what a delay holds back go on over the borders, and gradients come back over them."""
    model = classifier(loss="max_membrane", second_threshold=0.5, **NEURONS[name])
    spikes, labels = batch()
    loss_at_once, output = chunks.backward(goal(model, spikes, labels), spikes)
    want = gradients(model)
    for chunk in (1, 6):
        loss, in_chunks = chunks.backward(goal(model, spikes, labels, time_chunk=chunk), spikes)
        assert torch.equal(dense(in_chunks), dense(output))
        assert_close(loss, loss_at_once, kind="float32")
        assert_same(gradients(model), want)


@dataclass(frozen=True)
class Exact(Goal):
    """A goal whose gradients are multiples of a power of two, so that float32 sums them without rounding."""

    def objective(self, output: Any) -> Tensor:
        wanted = torch.nn.functional.one_hot(self.labels, CLASSES).double()
        return ((output.double() - wanted).square().sum() / 4).float()


@pytest.mark.parametrize("recurrent", [True, False])
def test_to_the_bit_where_numbers_are_exact(recurrent: bool) -> None:
    exact = {"beta": 1.0, "readout_beta": 1.0, "surrogate": "Boxcar(0.5)", "second_threshold": 0.5}
    model = classifier(active=None, recurrent=recurrent, **exact)
    for parameter in model.network.parameters():
        some = torch.rand(parameter.shape) < 0.1
        parameter.data = torch.randint(-2, 3, parameter.shape) / 2 * some * (parameter.data != 0)
    spikes, labels = batch(steps=8)

    def found(**settings: Any) -> dict[str, Tensor]:
        wanted = Exact(model, labels, TrainingSettings(**settings), spikes.steps * spikes.batch, "step 1")
        chunks.backward(wanted, spikes)
        return gradients(model)

    want = found()
    for chunk in (1, 3):
        assert_same(found(time_chunk=chunk), want, kind="exact")


@pytest.mark.parametrize("cut", ["time_chunk", "tbptt"])
@pytest.mark.parametrize("penalty", [{}, PENALTY])
@pytest.mark.parametrize("loss", OBJECTIVES)
def test_cut_and_whole_gradients_are_those_cut_by_hand(cut: str, penalty: dict[str, float], loss: str) -> None:
    compare(classifier(recurrent=True, loss=loss), 6, {cut: 6}, **penalty)


@pytest.mark.parametrize("cut", ["time_chunk", "tbptt"])
@pytest.mark.parametrize("chance", [{"dropout": 0.5}, {"max_activity": 0.1}, {"dropout": 0.2, "max_activity": 0.1}])
@pytest.mark.parametrize("loss", ["max_membrane", "per_step"])
def test_both_passes_draw_the_same_random_numbers(cut: str, chance: dict[str, float], loss: str) -> None:
    compare(classifier(**chance, loss=loss, delay=2), 6, {cut: 6})


def test_a_cut_gradient_is_another() -> None:
    model, (spikes, labels) = classifier(recurrent=True, loss="max_membrane"), batch()
    chunks.backward(goal(model, spikes, labels), spikes)
    whole = gradients(model)
    chunks.backward(goal(model, spikes, labels, tbptt=5), spikes)
    cut = gradients(model)
    assert not torch.allclose(cut["0.weight"], whole["0.weight"], rtol=0.01, atol=0)


@pytest.mark.parametrize("readout", ["li", "spikes"])
def test_outputs_in_chunks(readout: str) -> None:
    model, (spikes, _) = classifier(readout=readout, max_activity=0.5).eval(), batch()
    whole, activity = chunks.outputs(model, spikes, None), model.activity(spikes)
    in_chunks = chunks.outputs(model, spikes, 6)
    assert torch.equal(dense(in_chunks), dense(whole))
    assert not in_chunks.requires_grad
    assert model.activity(spikes) == activity


@pytest.mark.parametrize("settings", [{}, {"time_chunk": 6}, {"tbptt": 6}])
def test_what_layers_did_is_that_of_the_whole_batch(settings: dict[str, int]) -> None:
    model, (spikes, labels) = classifier(loss="per_step"), batch()
    model(spikes)
    want = model.activity(spikes)
    chunks.backward(goal(model, spikes, labels, **settings), spikes)
    assert model.activity(spikes) == want
    assert list(want) == ["input", "layer 1", "layer 2"]


def test_what_the_cap_dropped_in_all_chunks() -> None:
    model, (spikes, labels) = classifier(max_activity=0.05, active=None), batch()
    chunks.backward(goal(model, spikes, labels), spikes)
    assert model.dropped > 0
    whole = model.seen["layer 1"].dropped
    chunks.backward(goal(model, spikes, labels, time_chunk=6), spikes)
    assert model.seen["layer 1"].dropped == whole
