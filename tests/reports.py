"""What reports are made of: networks on random spikes, and metrics of a run."""

from typing import Any

import torch
from torch import Tensor

from spikeloom import Spikes
from spikeloom.data.binning import Binning
from spikeloom.data.events import Sensor
from spikeloom.nn import LIF
from spikeloom.show.record import Line
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import NetworkSettings

STEPS, INPUTS = 12, 40

Batch = tuple[Spikes, Tensor]


def network(classes: int = 4, steps: int = STEPS, **changes: Any) -> Classifier:
    """A network whose hidden neurons spike now and then."""
    settings = NetworkSettings(**({"hidden": (24, 16), "second_threshold": 0.5, "sparse": True} | changes))
    torch.manual_seed(1)
    model = Classifier(settings, Binning(Sensor(INPUTS, 1, 1), 2.0, steps), classes)
    with torch.no_grad():
        for layer in model.network:
            if isinstance(layer, LIF):
                layer.weight *= 4
    return model.eval()


def batches(count: int = 2, classes: int = 4, *, steps: int = STEPS) -> list[Batch]:
    """So many batches of five random samples."""
    chance = torch.Generator().manual_seed(0)
    rasters = [torch.rand(steps, 5, INPUTS, generator=chance) < 0.2 for _ in range(count)]
    labels = [torch.randint(classes, (5,), generator=chance) for _ in range(count)]
    return [(Spikes.from_dense(x.float()), wanted) for x, wanted in zip(rasters, labels, strict=True)]


def lines(epochs: int = 3, *, test: bool = True) -> list[Line]:
    """Metrics of a run; the second epoch is the best."""
    activity = {"input": 0.2, "layer 1": 0.05, "layer 2": 0.03}
    made = []
    for epoch in range(1, epochs + 1):
        made.append(Line(epoch, "train", 1 / epoch, 1 - 0.4 / epoch, activity, 1000.0, 2.0, 0.01 / epoch, 0.02))
        made.append(Line(epoch, "validation", 1 / epoch, 0.8 if epoch == 2 else 0.6, activity, 900.0, 0.5))
    return [*made, Line(2, "test", 0.6, 0.7, activity, 900.0, 0.5)] if test else made
