"""Inputs, labels and weights of a workload, with the hidden layers made to spike as often as it asks."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from spikeloom.bench import host
from spikeloom.bench.cases import Workload
from spikeloom.bench.torch_dense import advance
from spikeloom.checks import require
from spikeloom.spikes import Spikes

MISS = 0.2
"""How far, as a fraction of what is asked, a hidden layer's activity may lie off."""

SAMPLES = 12
"""How many samples of the batch are enough to find a layer's factor roughly."""


@dataclass(frozen=True)
class Layer:
    """A hidden layer.

    Args:
        weight: `[N, I]`.
        recurrent: `[N, N]`, or None.
        activity: the fraction of its neurons and steps that spike on the problem's inputs.
        window: the fraction inside the gradient window, spikes included.
    """

    weight: Tensor
    recurrent: Tensor | None
    activity: float
    window: float

    def on(self, device: torch.device | str) -> "Layer":
        """The same layer with its weights on a device."""
        recurrent = None if self.recurrent is None else self.recurrent.to(device)
        return replace(self, weight=self.weight.to(device), recurrent=recurrent)


@dataclass(frozen=True)
class Problem:
    """Everything that a training step needs, the same for all that are compared.

    Args:
        workload: what was asked.
        spikes: `[T, B, I]`.
        labels: `[B]` int64.
        layers: the hidden ones.
        readout: `[C, N]`.
    """

    workload: Workload
    spikes: Spikes
    labels: Tensor
    layers: tuple[Layer, ...]
    readout: Tensor

    @property
    def state_bytes(self) -> int:
        """Bytes of weights, gradients and Adam's two moments, whatever a contender pads its weights to."""
        hidden = [w for layer in self.layers for w in (layer.weight, layer.recurrent) if w is not None]
        return 4 * sum(w.numel() * w.element_size() for w in (*hidden, self.readout))


@torch.no_grad()
@host.one_thread()
def make(workload: Workload, device: torch.device | str = "cpu") -> Problem:
    """Draw a problem and scale its weights, layer by layer, until each layer spikes as the workload asks.

    Numbers are drawn on the CPU, where the problem lies in the end, whatever the device.

    Inputs spike independently at each step. Weights are uniform around zero, as the paper's (± 2 sqrt(6 / inputs))
    times a factor found by bisection; a layer that no factor makes spike often enough gets a positive mean besides.
    The readout's factor makes the summed outputs vary by about 1, so that the loss does not saturate.

    Args:
        workload: what is asked.
        device: where the layers are run to find their factors; a GPU makes large ones in seconds.

    Raises:
        InputError: a layer's activity misses what was asked by more than a fifth.
    """
    case, generator = workload.case, torch.Generator().manual_seed(workload.seed)
    x = (torch.rand(case.steps, workload.batch, case.inputs, generator=generator) < workload.activity).float()
    spikes = Spikes.from_dense(x)
    layers, activations = scaled_layers(x.to(device), workload, generator)
    readout = scaled_readout(activations, workload, generator)
    labels = torch.randint(case.classes, (workload.batch,), generator=generator)
    return Problem(workload, spikes, labels, tuple(layer.on("cpu") for layer in layers), readout.cpu())


@torch.no_grad()
def scaled_layers(x: Tensor, workload: Workload, generator: torch.Generator) -> tuple[tuple[Layer, ...], Tensor]:
    """The hidden layers, made to spike as often as the workload asks, and the last one's spikes `[T, B, N]`.

    Args:
        x: `[T, B, I]`, spikes or any numbers, on the device where the weights shall be.
        workload: what it asks.
        generator: of weights, on the CPU.

    Raises:
        InputError: a layer's activity misses what was asked by more than a fifth.
    """
    layers, activations = [], x
    for number, neurons in enumerate(workload.hidden, start=1):
        scaled = _following_layer if workload.chain and number > 1 else _scaled_layer
        layer, activations = scaled(activations, neurons, workload, generator)
        _check_activity(layer, number, workload.hidden_activity)
        layers.append(layer)
    return tuple(layers), activations


@torch.no_grad()
def scaled_readout(activations: Tensor, workload: Workload, generator: torch.Generator) -> Tensor:
    """A readout's weights `[C, N]`, whose outputs summed over all steps vary by about 1.

    Args:
        activations: the last hidden layer's `[T, B, N]`.
        workload: whose classes and readout.
        generator: of weights.
    """
    readout = _uniform(workload.case.classes, activations.shape[2], generator).to(activations.device)
    deviation = F.linear(activations.sum(0), readout).std().clamp(min=1e-6)
    return readout / (deviation * workload.gain / (1 - workload.readout_beta))


def _scaled_layer(x: Tensor, neurons: int, workload: Workload, generator: torch.Generator) -> tuple[Layer, Tensor]:
    """A layer that spikes as often as asked on the inputs `[T, B, I]`, and its spikes `[T, B, N]`."""
    weight = _uniform(neurons, x.shape[2], generator).to(x.device)
    recurrent = _uniform(neurons, neurons, generator).to(x.device) if workload.recurrent else None
    product = F.linear(x.flatten(0, 1), weight).view(*x.shape[:2], neurons)
    # A weight's mean adds the same to all neurons: as much as there are spikes.
    bound = 2 * (6 / x.shape[2]) ** 0.5
    count = x.sum(2, keepdim=True) * bound  # [T, B, 1]

    def spikes(factor: float, mean: float, samples: int) -> tuple[Tensor, Tensor]:
        within = None if recurrent is None else recurrent * factor
        return _run(factor * (product[:, :samples] + mean * count[:, :samples]), within, workload)

    def by_factor(exponent: float, samples: int) -> float:
        return _rate(spikes(2**exponent, 0.0, samples)[0])

    def by_mean(mean: float, samples: int) -> float:
        return _rate(spikes(4.0, mean, samples)[0])

    target, batch = workload.hidden_activity, x.shape[1]
    factor, mean = 2 ** _found(by_factor, target, batch, low=-6.0, high=4.0), 0.0
    emitted, window = spikes(factor, mean, batch)
    if _rate(emitted) < target * (1 - MISS / 10):
        factor, mean = 4.0, _found(by_mean, target, batch, low=0.0, high=1.0)
        emitted, window = spikes(factor, mean, batch)
    within = None if recurrent is None else recurrent * factor
    return Layer(factor * (weight + mean * bound), within, _rate(emitted), _rate(window)), emitted


def _following_layer(x: Tensor, neurons: int, workload: Workload, generator: torch.Generator) -> tuple[Layer, Tensor]:
    """A layer as `_scaled_layer` makes it, in which each neuron hears one of the layer below louder than all others.

    In a deep chain of layers with random weights alone, a sample that spikes more often than others does so even more
    a layer further on, until a few samples hold all spikes. Here the random weights make a fifth of the spikes, and the
    neuron that is followed the rest: they stay where they are in time and batch.
    """
    require(x.shape[2] == neurons, "hidden", "layers of one size in a chain", (x.shape[2], neurons))
    weight = _uniform(neurons, neurons, generator).to(x.device)
    product = F.linear(x.flatten(0, 1), weight).view(x.shape)
    leader = torch.randperm(neurons, generator=generator)
    followed, target = x[:, :, leader], workload.hidden_activity

    def by_factor(exponent: float) -> float:
        return _rate(_run(2**exponent * product, None, workload)[0])

    factor = 2 ** bisect(by_factor, target / 5, low=-6.0, high=4.0)

    def spikes(loudness: float) -> tuple[Tensor, Tensor]:
        return _run(factor * product + loudness * followed, None, workload)

    loudness = bisect(lambda a: _rate(spikes(a)[0]), target, low=0.0, high=4 * workload.threshold / workload.gain)
    emitted, window = spikes(loudness)
    weight *= factor
    weight[torch.arange(neurons), leader] += loudness
    return Layer(weight, None, _rate(emitted), _rate(window)), emitted


def _found(rate: Callable[[float, int], float], target: float, batch: int, *, low: float, high: float) -> float:
    """What makes `rate(argument, samples)` the target: roughly from a few samples, then nearby from all of them."""
    rough = bisect(lambda a: rate(a, min(batch, SAMPLES)), target, low=low, high=high)
    near = 0.02 * (high - low)
    return bisect(lambda a: rate(a, batch), target, low=max(low, rough - near), high=min(high, rough + near))


def bisect(rate: Callable[[float], float], target: float, *, low: float, high: float) -> float:
    """The argument between `low` and `high` at which a growing function comes within 1 % of `target`.

    Where it never does, the end that comes nearest, or after 20 halvings what was reached.
    """
    if rate(high) < target:
        return high
    middle = low
    for _ in range(20):
        middle = (low + high) / 2
        reached = rate(middle)
        if abs(reached - target) <= 0.01 * target:
            break
        low, high = (middle, high) if reached < target else (low, middle)
    return middle


def _run(current: Tensor, recurrent: Tensor | None, workload: Workload) -> tuple[Tensor, Tensor]:
    """Spikes and window `[T, B, N]` of neurons with these input currents `[T, B, N]`."""
    membrane, spike, emitted, window = torch.zeros_like(current[0]), torch.zeros_like(current[0]), [], []
    for i in workload.gain * current:
        total = i if recurrent is None else i + workload.gain * F.linear(spike, recurrent)
        membrane = advance(membrane, spike, total, workload.beta)
        spike = (membrane >= workload.threshold).float()
        emitted.append(spike)
        window.append(membrane >= workload.second_threshold)
    return torch.stack(emitted), torch.stack(window)


def _rate(x: Tensor) -> float:
    return float(x.count_nonzero()) / x.numel()


def _uniform(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    bound = 2 * (6 / columns) ** 0.5
    return torch.empty(rows, columns).uniform_(-bound, bound, generator=generator)


def _check_activity(layer: Layer, number: int, target: float) -> None:
    require(
        abs(layer.activity - target) <= MISS * target,
        f"hidden activity of layer {number}",
        f"{target:.3g} within {MISS:.0%}",
        f"{layer.activity:.3g} at best",
        "choose another --hidden-activity, or a higher --activity",
    )
