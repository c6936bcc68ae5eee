"""The network in plain torch computes what ours does without a window."""

from typing import Any

import pytest
import torch
from networks import batch, classifier
from torch import Tensor

from spikeloom import InputError
from spikeloom.train import run as runs
from spikeloom.train.classifier import Classifier
from studies.accuracy.plain_torch import PlainTorch, instead_of_ours

DENSE = {"second_threshold": -float("inf"), "sparse": False}


def both(**settings: Any) -> tuple[Classifier, PlainTorch]:
    """The same network, ours and in plain torch."""
    ours = classifier(**DENSE, **settings)
    other = PlainTorch(ours.settings, ours.binning, ours.classes)
    other.network.load_state_dict(ours.network.state_dict())
    return ours, other


def stepped(model: Classifier) -> tuple[Tensor, dict[str, Tensor]]:
    """The output on a batch, and the gradients of all weights."""
    spikes, labels = batch()
    output = model(spikes)
    model.loss(output, labels).backward()
    assert isinstance(output, Tensor)
    return output.detach(), {name: p.grad for name, p in model.network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"recurrent": True},
        {"reset": "subtract", "beta": None, "tau_ms": 8.0},
        {"neuron": "adlif", "recurrent": True, "learn": ("beta", "threshold")},
        {"neuron": "alif", "recurrent": "one-to-one", "refractory": 1, "delay": 1},
    ],
)
def test_output_and_gradients_agree(settings: dict[str, Any]) -> None:
    ours, other = both(loss="per_step", **settings)
    (one, gradients), (two, others) = stepped(ours), stepped(other)
    torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
    assert gradients.keys() == others.keys()
    for name, gradient in gradients.items():
        assert gradient.abs().sum() > 0
        torch.testing.assert_close(gradient, others[name], rtol=1e-3, atol=1e-5)
    assert ours.activity(batch()[0]) == pytest.approx(other.activity(batch()[0]))


def test_dropout_is_drawn_alike() -> None:
    outputs = []
    for model in both(dropout=0.5):
        torch.manual_seed(3)
        outputs.append(stepped(model.train())[0])
    torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-5)


def test_what_it_cannot_do_is_refused() -> None:
    spikes, _ = batch()
    _, capped = both(max_activity=0.5)
    with pytest.raises(InputError, match="max_activity: expected none in plain torch"):
        capped(spikes)
    ours, other = both()
    with pytest.raises(InputError, match="time_chunk and tbptt: expected none in plain torch"):
        other.layers(spikes, ours.layers(spikes)[1])


def test_runs_make_such_networks_while_it_is_open() -> None:
    with instead_of_ours():
        assert runs.Classifier is PlainTorch
    assert runs.Classifier is Classifier
