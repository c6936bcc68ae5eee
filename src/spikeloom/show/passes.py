"""What a batch makes on its way through a network: the spikes that come to each layer and leave it."""

from dataclasses import dataclass
from typing import Any

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
    """Run a batch through a network, wherever that is; returns its layers at work, and the output, on the CPU.

    Args:
        model: at rest, as `model.eval()` leaves it.
        spikes: a batch.
    """
    x: Spikes = spikes if model.device.type == "cpu" else spikes.to(model.device)
    outputs, _ = model.network.layers(x)
    found, heard = [], spikes
    for place, (layer, out) in enumerate(zip(model.network, outputs, strict=True), start=1):
        own, left = _own(layer, x, out), _here(out)
        found.append(Flow(f"layer {place}", layer, heard, left, left if own is out else _here(own)))
        if isinstance(out, Spikes):
            x, heard = out, left
    return found, found[-1].out


def _here(x: Any) -> Any:
    """The same on the CPU; None of None."""
    place = x.spike_count if isinstance(x, Spikes) else x
    return x if place is None or place.device.type == "cpu" else x.to("cpu")


def _own(layer: nn.Module, x: Spikes, out: Spikes | Tensor) -> Spikes | None:
    if not isinstance(layer, Spiking):
        return None
    if layer.max_activity is None:
        return out if isinstance(out, Spikes) else None
    with uncapped(layer):
        spikes, _ = layer.forward(x)
        return spikes
