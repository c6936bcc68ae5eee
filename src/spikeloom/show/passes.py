"""What a batch makes on its way through a network: the spikes that come to each layer and leave it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spikeloom.nn import LI, Spiking
from spikeloom.nn.cap import uncapped
from spikeloom.nn.losses import Output
from spikeloom.spikes import Spikes
from spikeloom.train.classifier import Classifier


@dataclass(frozen=True)
class Flow:
    """A layer at work on a batch.

    Args:
        name: as the metrics call it: "layer 1" and so on, in the order of the network.
        layer: the module, of the network's kinds.
        x: the spikes that came to it.
        out: what left it.
        own: the spikes of its own neurons, all of them even where a cap lets fewer out; None for one without spikes.
    """

    name: str
    layer: Spiking | LI | nn.Linear
    x: Spikes
    out: Output
    own: Spikes | None

    def sample(self, index: int) -> "Flow":
        """The same for one sample of the batch."""
        one = (slice(None), slice(index, index + 1))
        own = None if self.own is None else self.own[one]
        out = self.out[one] if isinstance(self.out, Spikes) else self.out[one].clone()
        return Flow(self.name, self.layer, self.x[one], out, own)


@torch.no_grad()
def flows(model: Classifier, spikes: Spikes) -> tuple[list[Flow], Output]:
    """Run a batch through a network; returns its layers at work, and the output.

    Args:
        model: at rest, as `model.eval()` leaves it.
        spikes: a batch.
    """
    outputs, _ = model.network.layers(spikes)
    found, x = [], spikes
    for place, (layer, out) in enumerate(zip(model.network, outputs, strict=True), start=1):
        found.append(Flow(f"layer {place}", layer, x, out, _own(layer, x, out)))
        x = out if isinstance(out, Spikes) else x
    return found, outputs[-1]


def _own(layer: nn.Module, x: Spikes, out: Spikes | Tensor) -> Spikes | None:
    if not isinstance(layer, Spiking):
        return None
    if layer.max_activity is None:
        return out if isinstance(out, Spikes) else None
    with uncapped(layer):
        spikes, _ = layer.forward(x)
        return spikes
