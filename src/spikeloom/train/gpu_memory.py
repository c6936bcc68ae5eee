"""What a training step on a GPU takes of its memory, estimated before the first one.

The numbers are those of the tensors that the operators of `ops.cuda` make. What CUDA takes for itself is taken before
any of this is asked for, and does not count as free.
"""

import torch
from torch import nn

from spikeloom.nn import Spiking
from spikeloom.ops.arrays import BLOCK, blocks_of
from spikeloom.spikes import Spikes
from spikeloom.train import chunks, memory
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import TrainingSettings
from spikeloom.train.memory import FLOAT, HELD_PER_ENTRY, Estimate

CELL = 20
"""Bytes that the layer at work has in hand for each neuron and row: in the forward pass slopes before they are packed
and masks, in the backward pass gradients by currents and by spikes, and what these are spread from."""

ENTRY = 32
"""Bytes in hand for each window entry: its places, and gradients by it."""

HEARD = 64
"""Bytes in hand for each id that the layer hears: its row, and the places by input, sorted."""


def free_bytes(device: torch.device) -> int:
    """What a GPU has free, and what torch holds of it without a use."""
    free, _ = torch.cuda.mem_get_info(device)
    return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))


def estimate(model: Classifier, spikes: Spikes, settings: TrainingSettings) -> Estimate:
    """What a training step takes, by part.

    Args:
        model: its weights scaled to the activity that training begins with.
        spikes: a batch as it will be trained on.
        settings: of the training.
    """
    steps = min(spikes.steps, chunks.length(settings) or spikes.steps)
    rows, layers = steps * spikes.batch, list(model.network)
    entries = memory.window_entries(model, spikes, rows, settings)
    heard = spikes.ids.numel() * steps // spikes.steps
    weights, batch = memory.weight_bytes(model), memory.batch_bytes(spikes)
    parts = {
        "weights": weights,
        # Those of a chunk are added to those of the chunks before it; an optimiser has as much in hand for a moment.
        "gradients": weights + weights,
        "moments": 2 * weights,
        # The next one comes while this one is worked on.
        "batch": 2 * batch + (batch * steps // spikes.steps if steps < spikes.steps else 0),
        "kept states": sum(memory.kept_states(layer, rows) for layer in layers),
        "spikes": sum(memory.words(layer) * blocks_of(memory.neurons_of(layer)) * rows for layer in layers),
        "windows": HELD_PER_ENTRY * sum(entries),
        "output": memory.output_bytes(model, spikes),
        "dense products": sum(_kept_dense(layer, rows) for layer in layers),
        "in hand": _in_hand(layers, rows, entries, heard),
        "states": memory.border_states(layers, spikes, settings),
    }
    return Estimate(parts, weights + batch)


def _cells(layer: nn.Module, rows: int) -> int:
    return rows * BLOCK * blocks_of(memory.neurons_of(layer))


def _kept_dense(layer: nn.Module, rows: int) -> int:
    """What a layer on its dense route keeps of every neuron and row: its slope and its spike; of others their input."""
    if not memory.is_dense(layer):
        return 0
    return 2 * FLOAT * _cells(layer, rows) if isinstance(layer, Spiking) else FLOAT * rows * int(layer.in_features)  # type: ignore[arg-type]


def _in_hand(layers: list[nn.Module], rows: int, entries: list[int], heard: int) -> int:
    """What the layer at work takes besides for a moment, in the layer where that is most."""
    most = 0
    for layer, own, below in zip(layers, entries, [heard, *entries[:-1]], strict=True):
        spread = 2 * FLOAT * rows * int(layer.in_features) if memory.is_dense(layer) else 0  # type: ignore[arg-type]
        most = max(most, CELL * _cells(layer, rows) + ENTRY * own + HEARD * below + spread)
    return most
