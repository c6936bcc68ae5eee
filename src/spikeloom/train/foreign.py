"""Networks and batches that come from a user's own program, as the training loop takes them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from spikeloom.checks import InputError, require
from spikeloom.nn import Sequential, Spiking, States
from spikeloom.nn.losses import OBJECTIVES
from spikeloom.spikes import Spikes
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import NetworkSettings, TrainingSettings

NEEDS_LAYERS = {
    "initial_activity": None,
    "anneal_window": False,
    "activity_penalty": 0.0,
    "time_chunk": None,
    "tbptt": None,
}
"""Settings that look into a network's layers, with what they are when they do not."""


class Foreign(Classifier):
    """A user's network with a loss: a classifier without a sensor.

    Args:
        net: a `Sequential`, or any module that returns `(output, state)`.
        loss: a name in `OBJECTIVES`.
        training: checked for what this network cannot do.

    Raises:
        InputError: no module, one without weights to train, or a setting that needs the layers of a `Sequential`.
    """

    def __init__(self, net: nn.Module, loss: str, training: TrainingSettings) -> None:
        nn.Module.__init__(self)
        require(isinstance(net, nn.Module), "net", "a torch.nn.Module", type(net).__name__)
        require(any(p.requires_grad for p in net.parameters()), "net", "weights to train", "none")
        self.net, self.objective, self.seen, self._unread = net, OBJECTIVES[loss], {}, {}
        if isinstance(net, Sequential):
            self.network = net
            *hidden, self.classes = (layer.out_features for layer in net)
            self.settings = NetworkSettings(hidden=tuple(hidden), second_threshold=_second_threshold(net, training))
            return
        for name, off in NEEDS_LAYERS.items():
            value = getattr(training, name)
            require(value == off, name, f"{off} for a network that is no spikeloom.nn.Sequential", value)
        object.__setattr__(self, "network", cast(Sequential, _Whole(net)))
        self.settings = NetworkSettings(hidden=())

    def layers(self, spikes: Spikes, state: States | None = None) -> tuple[list[Spikes | Tensor], States]:
        """Every layer's output, and the states after the last step; what the layers did goes into `seen`."""
        if isinstance(self.net, Sequential):
            return super().layers(_unwrapped(spikes), state)
        return self.network.layers(_unwrapped(spikes))

    def activity(self, spikes: Spikes) -> dict[str, float]:
        """By layer, the fraction of neurons and steps that spiked in the last batch, which was `spikes`."""
        if isinstance(self.net, Sequential):
            return super().activity(spikes)
        # Each of these waits for a GPU; what such a network is made of is its own affair.
        spiking = [(name, layer) for name, layer in self.net.named_modules() if isinstance(layer, Spiking)]
        return self._input_activity(spikes) | {name or "layer": layer.last_activity for name, layer in spiking}


class _Whole:
    """A network of any make, as the only layer of one."""

    def __init__(self, net: nn.Module) -> None:
        self._net = net
        self.label = type(net).__name__

    def layers(self, x: Spikes | Tensor, state: None = None) -> tuple[list[Spikes | Tensor], Any]:
        """The output, alone, and the state."""
        result = self._net(x)
        pair = isinstance(result, tuple) and len(result) == 2
        require(pair, "net", "a module that returns (output, state)", type(result).__name__)
        return [result[0]], result[1]

    def __iter__(self) -> Iterator["_Whole"]:
        yield self

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> "_Whole":
        return [self][index]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._net, name)


@dataclass(frozen=True)
class Dense:
    """A batch of real numbers, with what the loop asks of `Spikes`.

    Args:
        values: `[T, B, N]`.
    """

    values: Float[Tensor, "T B N"]

    @property
    def steps(self) -> int:
        """T."""
        return self.values.shape[0]

    @property
    def batch(self) -> int:
        """B."""
        return self.values.shape[1]

    @property
    def neurons(self) -> int:
        """N."""
        return self.values.shape[2]

    @property
    def spike_count(self) -> Int[Tensor, "R"]:
        """How many numbers of each step of each sample are not zero."""
        return (self.values != 0).sum(2).T.flatten()

    @property
    def activity(self) -> float:
        """The fraction of all numbers that are not zero."""
        return float((self.values != 0).float().mean())

    def to(self, device: torch.device, *, non_blocking: bool = False) -> "Dense":
        """The same numbers on another device."""
        return Dense(self.values.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "Dense":
        """The same numbers in page-locked memory, from where a GPU copies while it computes."""
        return Dense(self.values.pin_memory())

    def __getitem__(self, part: slice) -> Tensor:
        return self.values[part]


def batch_of(item: Any) -> tuple[Any, Tensor]:
    """What a user's loader yields, as the loop takes it.

    Raises:
        InputError: it is no pair, or a part of it of another kind.
    """
    if isinstance(item, Mapping) or not hasattr(item, "__len__") or len(item) != 2:
        raise InputError(f"loader: expected pairs (x, labels), got {type(item).__name__}")
    x, labels = item
    require(isinstance(labels, Tensor), "labels", "a tensor [B] of integers", type(labels).__name__)
    if isinstance(x, Spikes):
        return x, labels
    require(isinstance(x, Tensor) and x.dim() == 3, "x", "Spikes or a tensor [T, B, N]", _kind(x))
    binary = bool(((x == 0) | (x == 1)).all())
    return Spikes.from_dense(x) if binary else Dense(x), labels


def _unwrapped(x: Any) -> Any:
    return x.values if isinstance(x, Dense) else x


def _kind(x: object) -> object:
    return tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__


def _second_threshold(net: Sequential, training: TrainingSettings) -> float:
    """Where an annealed window ends: the second threshold of all layers."""
    edges = [layer.second_threshold for layer in net if isinstance(layer, Spiking)]
    same = all(torch.equal(edge, edges[0]) and edge.dim() == 0 for edge in edges)
    if not training.anneal_window:
        return 0.0
    require(same and bool(edges), "anneal_window", "layers with one second_threshold, a number", "others")
    return float(edges[0])
