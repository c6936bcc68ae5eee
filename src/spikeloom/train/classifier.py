"""A network together with how it is fed and how its output is read."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, overload

import torch
from jaxtyping import Int
from torch import Tensor, nn

from spikeloom import neurons
from spikeloom.checks import require
from spikeloom.data.binning import Binning, encode
from spikeloom.data.events import Events
from spikeloom.neurons import Neuron
from spikeloom.nn import LI, Sequential, Spiking, States
from spikeloom.nn.losses import OBJECTIVES, Output
from spikeloom.spikes import Spikes
from spikeloom.surrogates import from_spec
from spikeloom.train import reading
from spikeloom.train.chance import fixed_chance
from spikeloom.train.config import NetworkSettings
from spikeloom.train.seen import Seen, Unread, added


class Classifier(nn.Module):
    """A network that says which class a recording belongs to.

    Args:
        settings: the network's.
        binning: how recordings become spikes; says the number of inputs.
        classes: C.

    Raises:
        InputError: a setting that a layer refuses.
    """

    heard: float | None = None
    """The input's activity in the last batch, from 0 to 1, if that was read from a GPU."""

    def __init__(self, settings: NetworkSettings, binning: Binning, classes: int) -> None:
        super().__init__()
        self.settings, self.binning, self.classes = settings, binning, classes
        self.network = Sequential(*_layers(settings, binning, classes))
        self.objective = OBJECTIVES[settings.loss]
        self.seen: dict[str, Seen] = {}
        self._unread: dict[str, Unread] = {}

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    def forward(self, spikes: Spikes) -> Output:
        """The output for spikes of `binning.steps` steps, from states of zero."""
        outputs, _ = self.layers(spikes)
        return outputs[-1]

    def layers(self, spikes: Spikes, state: States | None = None) -> tuple[list[Spikes | Tensor], States]:
        """Every layer's output, and the states after the last step; what the layers did goes into `seen`.

        On a GPU it gets there when it is read: see `read`.

        Args:
            spikes: a batch, or what follows on `state`.
            state: what an earlier call returned, whose batch goes on; None for a new batch, from states of zero.
        """
        outputs, after = self.network.layers(spikes, state)
        seen, unread = dict[str, Seen](), dict[str, Unread]()
        for (name, layer), out in zip(self._spiking_layers(), outputs, strict=False):
            if isinstance(out, Spikes) and reading.is_late(out.spike_count.device):
                unread[name] = Unread.of(out, layer._dropped if layer.limit else 0)
            elif isinstance(out, Spikes):
                seen[name] = Seen.of(out, layer.dropped)
        self.seen = seen if state is None else added(self.seen, seen)
        self._unread = unread if state is None else added(self._unread, unread)
        return outputs, after

    def read(self, spikes: Spikes, *numbers: Tensor) -> list[Tensor]:
        """Bring numbers of a step to the CPU, and with them what the layers did in it: a GPU is waited for once.

        On the CPU both are there already.

        Args:
            spikes: the batch.
            numbers: at least one.
        """
        if not reading.is_late(numbers[0].device):
            self.heard = None
            return list(numbers)
        on_gpu = [tensor for unread in self._unread.values() for tensor in unread.tensors()]
        heard, *here = reading.together([spikes.spike_count.sum(), *numbers, *on_gpu])
        rest = iter(here[len(numbers) :])
        self.seen = {name: unread.read(rest) for name, unread in self._unread.items()}
        self.heard = float(heard) / max(1, spikes.steps * spikes.batch * spikes.neurons)
        return here[: len(numbers)]

    def activity(self, spikes: Spikes) -> dict[str, float]:
        """By layer, the fraction of neurons and steps that spiked in the last batch, which was `spikes`."""
        return self._input_activity(spikes) | {name: seen.activity for name, seen in self.seen.items()}

    def _input_activity(self, spikes: Spikes) -> dict[str, float]:
        return {"input": spikes.activity if self.heard is None else self.heard}

    @property
    def hidden_seen(self) -> dict[str, Seen]:
        """By hidden layer, what its neurons did in the last batch."""
        return dict(list(self.seen.items())[: len(self.settings.hidden)])

    @property
    def dropped(self) -> int:
        """How many ids the layers' caps dropped in the last batch."""
        return sum(seen.dropped for seen in self.seen.values())

    @torch.no_grad()
    def spikes_of_layers(self, spikes: Spikes) -> dict[str, Spikes]:
        """By layer, the spikes that a batch makes, beginning with the batch itself."""
        raster, x = {"input": spikes}, spikes
        for name, layer in self._spiking_layers():
            x, _ = layer(x)
            raster[name] = x
        return raster

    @overload
    def predict(self, events: Events) -> int: ...
    @overload
    def predict(self, events: Sequence[Events]) -> list[int]: ...
    @torch.no_grad()
    def predict(self, events: Events | Sequence[Events]) -> int | list[int]:
        """The class of a recording, or of each in a list.

        Args:
            events: recordings of the sensor the network was trained on (`binning.sensor`); what comes after
                `binning.steps` steps is cut off.

        Raises:
            InputError: a recording that cannot be used.
        """
        if isinstance(events, Events):
            return self.predict([events])[0]
        with fixed_chance(self.device):
            output = self(encode(events, self.binning).to(self.device))
            return [int(label) for label in self.objective.classes(output).tolist()]

    def loss(self, output: Output, labels: Int[Tensor, "B"]) -> Tensor:
        """The loss of a batch, a scalar.

        Args:
            output: of the network.
            labels: `[B]`, beside it or on the CPU.

        Raises:
            InputError: labels that do not fit.
        """
        return self.objective.loss(output, _beside(output, labels))

    def _spiking_layers(self) -> list[tuple[str, Spiking]]:
        return [(f"layer {i}", layer) for i, layer in enumerate(self.network, start=1) if isinstance(layer, Spiking)]


def _beside(output: Output, labels: Tensor) -> Tensor:
    """Labels where the output is, brought there without a wait; those on a GPU nobody could check without one."""
    device = output.spike_count.device if isinstance(output, Spikes) else output.device
    if labels.device == device:
        return labels
    classes = output.neurons if isinstance(output, Spikes) else output.shape[2]
    if labels.is_cpu and len(labels):
        low, high = int(labels.min()), int(labels.max())
        require(low >= 0 and high < classes, "labels", f"classes from 0 to {classes - 1}", f"{low} to {high}")
    return labels.to(device, non_blocking=True)


def _layers(settings: NetworkSettings, binning: Binning, classes: int) -> list[nn.Module]:
    sizes = [binning.neurons, *settings.hidden]
    neuron = neurons.named(settings.neuron, settings.reset)
    layers: list[nn.Module] = [
        # Dropout and delay are between hidden layers: events are not silenced, nor heard late.
        _spiking(
            settings,
            binning,
            neuron,
            (inputs, outputs),
            recurrent=settings.recurrent,
            refractory=settings.refractory,
            learn=settings.learn,
            learn_per=settings.learn_per,
            max_activity=settings.max_activity,
            dropout=settings.dropout * (i > 0),
            delay=settings.delay * (i > 0),
        )
        for i, (inputs, outputs) in enumerate(pairwise(sizes))
    ]
    dropout = settings.dropout if settings.hidden else 0.0
    if settings.readout == "spikes":
        last = _spiking(
            settings,
            binning,
            neuron,
            (sizes[-1], classes),
            max_activity=settings.max_activity,
            dropout=dropout,
        )
        return [*layers, last]
    if settings.readout == "linear":
        # torch's linear map has no dropout of whole samples in chunks of time.
        require(dropout == 0, "dropout", "0 beside readout=linear", dropout, "set readout=li")
        return [*layers, nn.Linear(sizes[-1], classes, bias=settings.bias)]
    beta, gain, bias = settings.readout_beta, settings.gain, settings.bias
    return [*layers, LI(sizes[-1], classes, beta=beta, gain=gain, bias=bias, dropout=dropout)]


def _spiking(
    settings: NetworkSettings, binning: Binning, neuron: Neuron, sizes: tuple[int, int], **others: Any
) -> Spiking:
    """A layer; of the settings shared by all neurons each takes those that it has."""
    numbers: dict[str, Any] = {"threshold": settings.threshold, "gain": settings.gain, "beta": settings.beta}
    taken: dict[str, Any] = {name: value for name, value in numbers.items() if name in neuron.names}
    if settings.tau_ms is not None:
        taken["tau_ms"] = settings.tau_ms
    for given in settings.neuron_parameters:
        name, _, number = given.partition("=")
        taken[name.strip()] = _number(given, number)
    timed = any(parameter.tau in taken for parameter in neuron.parameters if parameter.tau)
    inputs, outputs = sizes
    return Spiking(
        inputs,
        outputs,
        neuron=neuron,
        dt_ms=binning.dt_ms if timed else None,
        second_threshold=settings.second_threshold,
        surrogate=from_spec(settings.surrogate),
        bias=settings.bias,
        sparse=settings.sparse,
        **taken,
        **others,
    )


def _number(given: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        require(False, "neuron_parameters", "NAME=NUMBER, with commas between", repr(given))
        raise
