"""Small networks and batches for the tests of a training step."""

from typing import Any

import torch
from torch import Tensor

from spikeloom.data.binning import Binning
from spikeloom.data.events import Sensor
from spikeloom.nn import init
from spikeloom.spikes import Spikes
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import NetworkSettings, TrainingSettings
from spikeloom.train.goal import Goal

INPUTS, CLASSES, BATCH, STEPS = 60, 4, 8, 20


def batch(steps: int = STEPS, samples: int = BATCH, seed: int = 0, activity: float = 0.1) -> tuple[Spikes, Tensor]:
    """Random spikes with labels."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(steps, samples, INPUTS, generator=generator) < activity
    return Spikes.from_dense(x.float()), torch.arange(samples) % CLASSES


def classifier(seed: int = 0, active: float | None = 0.1, **settings: Any) -> Classifier:
    """A network of 70 and 30 hidden neurons, unless told otherwise, that spike in every tenth step."""
    torch.manual_seed(seed)
    network = NetworkSettings(**{"hidden": (70, 30), "sparse": True, "bias": True} | settings)
    model = Classifier(network, Binning(Sensor(INPUTS, 1, 1), 1.0, STEPS), CLASSES)
    if active is not None:
        init.scale_to_activity_(model.network, batch()[0], active)
    return model


def goal(model: Classifier, spikes: Spikes, labels: Tensor, **settings: Any) -> Goal:
    """The goal of a batch."""
    return Goal(model, labels, TrainingSettings(**settings), spikes.steps * spikes.batch, "step 1")


def gradients(model: Classifier) -> dict[str, Tensor]:
    """The gradients of all weights, which are emptied."""
    found = {name: p.grad for name, p in model.network.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return found
