"""What a training step on the CPU takes of memory, estimated before the first one."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from spikeloom.nn import Spiking
from spikeloom.nn.blocked import Blocked
from spikeloom.nn.losses import Output
from spikeloom.ops.adjoint import TABLE_ROWS
from spikeloom.ops.arrays import BLOCK, block_parts, blocks_of, chunk_bounds, sample_groups
from spikeloom.ops.together import stretch_of, together
from spikeloom.spikes import Spikes
from spikeloom.train import chunks
from spikeloom.train.available import available_bytes
from spikeloom.train.chance import fixed_chance
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import TrainingSettings

__all__ = ["Estimate", "available_bytes", "estimate"]

FLOAT = 4
HELD_PER_ENTRY = 3 * FLOAT
"""Until its backward pass, a window entry keeps its id, its spike (`active`) and its slope."""

SAMPLES, STEPS = 8, 256
"""The part of a batch on which the share of window entries is measured."""


@dataclass(frozen=True)
class Estimate:
    """Bytes by what they are for; all of it is there at once when a step is at its peak.

    Args:
        parts: bytes by part.
        there: how many of them are taken already: the weights and the batch.
    """

    parts: dict[str, int]
    there: int

    @property
    def total(self) -> int:
        """All parts."""
        return sum(self.parts.values())

    def in_words(self) -> str:
        """The parts, largest first, those of a hundredth and less left out."""
        parts = sorted(self.parts.items(), key=lambda part: -part[1])
        return ", ".join(f"{name} {in_words(size)}" for name, size in parts if 100 * size > self.total)


def estimate(model: Classifier, spikes: Spikes, settings: TrainingSettings) -> Estimate:
    """What a training step takes, by part.

    Args:
        model: its weights scaled to the activity that training begins with.
        spikes: a batch as it will be trained on.
        settings: of the training.
    """
    steps = min(spikes.steps, chunks.length(settings) or spikes.steps)
    rows, layers = steps * spikes.batch, list(model.network)
    entries = window_entries(model, spikes, rows, settings)
    again = settings.accumulate > 1 or steps < spikes.steps
    heard = spikes.ids.numel() * steps // spikes.steps
    weights, batch = weight_bytes(model), batch_bytes(spikes)
    parts = {
        "weights": weights,
        "gradients": weights + max(_gradient_sums(layer, spikes.batch, again=again) for layer in layers),
        "moments": 2 * weights,
        "checkpoint": 3 * weights,
        "batch": batch + (batch * steps // spikes.steps if steps < spikes.steps else 0),
        "kept states": sum(kept_states(layer, rows) for layer in layers),
        "spikes": sum(words(layer) * blocks_of(neurons_of(layer)) * rows for layer in layers),
        "windows": HELD_PER_ENTRY * sum(entries) + _passing(layers, entries, heard),
        "output": output_bytes(model, spikes),
        "dense products": _dense_products(layers, spikes, rows),
        "adjoints": sum(max(of(layer, steps, spikes.batch) for layer in layers) for of in (_table, _recurrent_sums)),
        "states": border_states(layers, spikes, settings),
    }
    return Estimate(parts, weights + batch)


def window_entries(model: Classifier, spikes: Spikes, rows: int, settings: TrainingSettings) -> list[int]:
    """By layer, the entries in windows over so many rows.

    They are counted by the share that part of the batch shows; while the window is annealed every neuron lies in it.
    """
    share = 1.0 if settings.anneal_window else None
    return [
        int((share or found) * rows * layer.out_features) if isinstance(layer, Spiking) else 0
        for layer, found in zip(model.network, _window_shares(model, spikes), strict=True)
    ]


def weight_bytes(model: Classifier) -> int:
    """Of all weights."""
    return FLOAT * sum(p.numel() for p in model.network.parameters())


def batch_bytes(spikes: Spikes) -> int:
    """Of the batch itself."""
    parts = (spikes.ids, spikes.active, spikes.row_start, spikes.spike_count)
    return sum(x.numel() * x.element_size() for x in parts)


def output_bytes(model: Classifier, spikes: Spikes) -> int:
    """Of the output and its gradient; a loss of every step makes two tensors more."""
    return (4 if model.objective.over_steps else 2) * FLOAT * spikes.steps * spikes.batch * model.classes


def _window_shares(model: Classifier, spikes: Spikes) -> list[float]:
    """By layer, the share of neurons and steps in their window, from the first samples and steps of a batch."""
    routes, training = [getattr(layer, "route", None) for layer in model.network], model.training
    try:
        with torch.no_grad(), fixed_chance(model.device):
            outputs, _ = model.eval().network.layers(spikes[:STEPS, :SAMPLES])
    finally:
        model.train(training)
        # Which route a layer takes is for its first whole batch to say.
        for layer, route in zip(model.network, routes, strict=True):
            if isinstance(layer, Spiking):
                layer.route = route
    return [_share(output) for output in outputs]


def _share(output: Output) -> float:
    return output.window if isinstance(output, Spikes) else 0.0


def words(layer: nn.Module) -> int:
    """Bytes of the words that say of 64 neurons in a step who spiked, who was near, and what a cap let through."""
    return 8 * (3 if layer.max_activity is not None else 2) if isinstance(layer, Spiking) else 0


def _passing(layers: list[nn.Module], entries: list[int], heard: int) -> int:
    """What window entries take besides for a moment, in the layer where that is most.

    In the forward pass that is their margins. In the backward pass it is the gradients by what left the layer, as they
    came and in the order of blocks; the places by input of what it heard; and the gradients by that, in parts and in
    all. The first layer makes no such gradients, and hears `heard` ids.
    """
    most = 0
    for layer, own, below in zip(layers, entries, [None, *entries[:-1]], strict=True):
        parts = block_parts(blocks_of(neurons_of(layer)), shared_sums=True)
        sums = 0 if below is None else below * (parts + (parts > 1))
        most = max(most, own, 2 * own + (heard if below is None else below) + sums)
    return FLOAT * most


def _gradient_sums(layer: nn.Module, batch: int, *, again: bool) -> int:
    """The sums of a layer's weight gradients over groups of samples, and their total where there is one `again`."""
    if isinstance(layer, nn.Linear):
        return 0
    weight: Tensor = layer.weight  # type: ignore[assignment]
    inner = getattr(layer, "recurrent_weight", None)
    if inner is not None:
        return FLOAT * int(again) * int(weight.numel() + inner.numel())
    groups = sample_groups(weight.shape[0], batch)
    return FLOAT * weight.numel() * ((groups if groups > 1 else 0) + int(again))


def kept_states(layer: nn.Module, rows: int) -> int:
    """What the neurons keep of every step beside bits: where a parameter is learned, or the neuron is not linear."""
    return FLOAT * rows * BLOCK * blocks_of(neurons_of(layer)) * len(layer.keeps) if isinstance(layer, Blocked) else 0


def _dense_products(layers: list[nn.Module], spikes: Spikes, rows: int) -> int:
    """The dense inputs, kept for the backward pass, and the currents of one layer at a time."""
    dense = [layer for layer in layers if is_dense(layer)]
    inputs = [int(layer.in_features) for layer in dense]  # type: ignore[arg-type]
    kept = FLOAT * rows * sum(inputs)
    now = [2 * FLOAT * rows * (size + neurons_of(layer)) for size, layer in zip(inputs, dense, strict=True)]
    return kept + max(now, default=0)


def is_dense(layer: nn.Module) -> bool:
    """Whether a layer takes dense products."""
    if isinstance(layer, Spiking):
        return layer.sparse is False or (layer.route is not None and not layer.route.sparse)
    return isinstance(layer, nn.Linear)


def _table(layer: nn.Module, steps: int, batch: int) -> int:
    """The gradients by currents of a block and a chunk of samples that each thread has in hand."""
    if is_dense(layer) or getattr(layer, "recurrent_weight", None) is not None:
        return 0
    bounds = chunk_bounds(sample_groups(blocks_of(neurons_of(layer)), batch), batch, steps)
    return FLOAT * torch.get_num_threads() * int(np.diff(bounds).max()) * steps * BLOCK


def _recurrent_sums(layer: nn.Module, steps: int, batch: int) -> int:
    """What a recurrent layer's backward pass has in hand: gradients by currents, derivatives by states, weights."""
    if getattr(layer, "recurrent_weight", None) is None:
        return 0
    blocks = blocks_of(neurons_of(layer))
    samples = max(end - first for first, end in together(blocks, batch, steps, dense=is_dense(layer)).bounds())
    kept = steps if is_dense(layer) else stretch_of(TABLE_ROWS, samples, steps) + 1
    states = len(layer.neuron.states) + 1 if isinstance(layer, Blocked) else 0
    return FLOAT * blocks * BLOCK * (samples * (kept + states) + blocks * BLOCK)


def border_states(layers: list[nn.Module], spikes: Spikes, settings: TrainingSettings) -> int:
    """The states and last spikes at the borders of chunks."""
    if settings.time_chunk is None:
        return 0
    borders = math.ceil(spikes.steps / settings.time_chunk) - 1
    numbers = sum(
        BLOCK * blocks_of(layer.out_features) * (len(layer.neuron.states) + 1)
        for layer in layers
        if isinstance(layer, Blocked)
    )
    return borders * spikes.batch * numbers * FLOAT


def neurons_of(layer: nn.Module) -> int:
    """The neurons of a layer of any kind."""
    return int(layer.out_features)  # type: ignore[arg-type]


def in_words(size: int) -> str:
    """A size in gigabytes or megabytes."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e6:.1f} MB"
