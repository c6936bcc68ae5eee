"""The network of a run in plain torch: a loop over time, autograd, the surrogate without a window.

All else is the product's: weights to start from, batches, augmentation, loss, optimiser, schedules, checkpoints and
files. So a run in plain torch leaves the same run folder.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch.nn.functional as F
from torch import Tensor

from spikeloom.checks import require
from spikeloom.nn import LI, Spiking, States
from spikeloom.nn.blocked import to_matrix
from spikeloom.nn.delay import delayed
from spikeloom.nn.dropout import drop, scaled
from spikeloom.reference import readout
from spikeloom.reference.scan import scan, zero_state
from spikeloom.spikes import Spikes
from spikeloom.train import run as runs
from spikeloom.train.classifier import Classifier
from spikeloom.train.seen import Seen

WITHOUT_WINDOW = -float("inf")


class PlainTorch(Classifier):
    """A classifier whose layers compute in plain torch, with the weights that the product's layers hold."""

    def layers(self, spikes: Spikes, state: States | None = None) -> tuple[list[Spikes | Tensor], States]:
        """Every layer's output `[T, B, N]`, and the states after the last step, of which nothing is kept.

        Args:
            spikes: a batch.
            state: None: a batch goes through at once.

        Raises:
            InputError: chunks of time, or a layer that has no twin here.
        """
        require(state is None, "time_chunk and tbptt", "none in plain torch", "chunks of time")
        outputs: list[Spikes | Tensor] = []
        x, self.seen = spikes.dense(), {}
        for number, layer in enumerate(self.network, start=1):
            if isinstance(layer, LI):
                beta, gain = _number(layer.value("beta")), _number(layer.value("gain"))
                x, _ = readout(*_product(layer, x), beta=beta, gain=gain)
            else:
                x = _spiking(layer, x)
                self.seen[f"layer {number}"] = Seen(x.detach().sum((0, 1)).numpy(), x.shape[0] * x.shape[1])
            outputs.append(x)
        return outputs, States([None] * len(outputs))


@contextmanager
def instead_of_ours() -> Iterator[None]:
    """While open, `runs.classifier`, and so every run, makes networks in plain torch."""
    with patch.object(runs, "Classifier", PlainTorch):
        yield


def _spiking(layer: Spiking, x: Tensor) -> Tensor:
    """The spikes `[T, B, N]` of a layer on `[T, B, I]`: one product for all steps, then a loop over time."""
    require(isinstance(layer, Spiking), "readout", "li or spikes in plain torch", type(layer).__name__)
    require(layer.max_activity is None, "max_activity", "none in plain torch", layer.max_activity)
    neurons, within = layer.out_features, None
    heard, _ = delayed(x, None, steps=layer.delay)
    assert isinstance(heard, Tensor)
    currents = F.linear(*_product(layer, heard))
    if layer.recurrent_weight is not None:
        within = to_matrix(layer.recurrent_weight, neurons, neurons)

    def current(t: int, spike: Tensor) -> Tensor:
        return currents[t] if within is None else currents[t] + F.linear(spike, within)

    spikes, *_ = scan(
        current,
        zero_state(layer.neuron, currents, x.shape[1], neurons),
        steps=len(x),
        neuron=layer.neuron,
        parameters=tuple(_number(layer.value(name)) for name in layer.neuron.names),
        depth=WITHOUT_WINDOW,
        surrogate=layer.surrogate,
        keep=None,
        frozen=None,
    )
    return spikes


def _product(layer: Spiking | LI, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    """What a layer multiplies: its input, less what dropout silences, its weights `[N, I]` and its bias."""
    heard, _ = drop(x, None, chance=layer.dropout, training=layer.training)
    assert isinstance(heard, Tensor)
    weight = to_matrix(layer.weight, layer.out_features, layer.in_features)
    return heard, scaled(weight, chance=layer.dropout, training=layer.training), layer.bias


def _number(value: Tensor) -> Tensor | float:
    """A parameter as torch computes fastest with it: a number where all neurons share one that is not learned."""
    return value if value.requires_grad or value.dim() else float(value)
