"""Losses on the output of a network, and how each one's output is read as a class.

Outputs are spikes or a dense tensor `[T, B, C]`: time steps, samples, classes. Every loss is a mean over the samples.
Labels on a GPU are not checked for their range, since the program would wait for the answer: there torch's own kernels
stop the program at a label that is out of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from spikeloom.checks import InputError, require
from spikeloom.spikes import Spikes

Output = Spikes | Float[Tensor, "T B C"]


def spike_counts(output: Output) -> Float[Tensor, "B C"]:
    """How often each class neuron spiked in each sample; of a dense output, its sum over the steps.

    The counts of `Spikes` are summed from its entries alone, and their gradient reaches exactly these entries; where
    ids are not listed, from its raster.
    """
    if isinstance(output, Tensor):
        return output.sum(0)
    if not output.is_listed:
        return output.dense().sum(0)
    sample = output.rows() // output.steps  # [K]
    counts = output.active.new_zeros(output.batch * output.neurons)
    counts = counts.index_add(0, sample * output.neurons + output.ids.long(), output.active)
    return counts.view(output.batch, output.neurons)


def cross_entropy_on_spike_sum(output: Output, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
    """Cross-entropy of the classes' spike counts; of a dense output, of its sum over the steps.

    Args:
        output: the class neurons' spikes, or `[T, B, C]`.
        labels: `[B]` int64, from 0 to C - 1.

    Raises:
        InputError: labels of another number, kind or range.
    """
    counts = spike_counts(output)
    return functional.cross_entropy(counts, _checked(labels, counts))


def cross_entropy_on_max_membrane(output: Output, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
    """Cross-entropy of each class's highest membrane over time (Cramer et al. 2022, "max-over-time").

    Args:
        output: the readout's membrane; spikes have none and are refused.
        labels: `[B]` int64, from 0 to C - 1.

    Raises:
        InputError: spikes instead of membranes; labels of another number, kind or range.
    """
    highest = _membrane(output).amax(0)  # [B, C]
    return functional.cross_entropy(highest, _checked(labels, highest))


def cross_entropy_per_step(output: Output, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
    """Cross-entropy at every step, averaged over the steps, so that it does not grow with them.

    Args:
        output: the readout's membrane, or the class neurons' spikes.
        labels: `[B]` int64, from 0 to C - 1.

    Raises:
        InputError: labels of another number, kind or range.
    """
    dense = _dense(output)
    repeated = _checked(labels, dense).expand(dense.shape[:2])  # [T, B]
    # torch's softmax over the last dimension takes five times as long where there are few classes.
    return functional.cross_entropy(dense.transpose(1, 2).contiguous(), repeated)  # [T, C, B]


def cross_entropy_summed_over_steps(output: Output, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
    """Cross-entropy at every step, summed over the steps (Finkbeiner et al. 2024, the accuracy runs).

    Args:
        output: the readout's membrane, or the class neurons' spikes.
        labels: `[B]` int64, from 0 to C - 1.

    Raises:
        InputError: labels of another number, kind or range.
    """
    steps = output.steps if isinstance(output, Spikes) else output.shape[0]
    return steps * cross_entropy_per_step(output, labels)


def mean_squared_error_on_spike_counts(
    output: Output, labels: Int[Tensor, "B"], *, correct_rate: float = 0.2, other_rate: float = 0.0
) -> Float[Tensor, ""]:
    """Mean over samples and classes of (spike count - rate T)^2.

    Args:
        output: the class neurons' spikes, or `[T, B, C]`.
        labels: `[B]` int64, from 0 to C - 1.
        correct_rate: spikes a step wanted of the labelled class, from 0 to 1.
        other_rate: spikes a step wanted of the other classes, from 0 to 1.

    Raises:
        InputError: a rate outside 0 to 1; labels of another number, kind or range.
    """
    for name, rate in (("correct_rate", correct_rate), ("other_rate", other_rate)):
        require(0 <= rate <= 1, name, "a number from 0 to 1", rate)
    steps = output.steps if isinstance(output, Spikes) else output.shape[0]
    counts = spike_counts(output)
    hit = functional.one_hot(_checked(labels, counts), counts.shape[1]).to(counts.dtype)
    return functional.mse_loss(counts, steps * (other_rate + (correct_rate - other_rate) * hit))


def most_spikes(output: Output) -> Int[Tensor, "B"]:
    """The class that spiked most often, or whose sum over the steps is highest; the first of equals."""
    return spike_counts(output).argmax(1)


def highest_membrane(output: Output) -> Int[Tensor, "B"]:
    """The class whose membrane rose highest at any step; the first of equals."""
    return _membrane(output).amax(0).argmax(1)


def majority_vote(output: Output) -> Int[Tensor, "B"]:
    """The class that leads at most steps (Finkbeiner et al. 2024); the first of equals."""
    dense = _dense(output)
    votes = dense.argmax(2).T  # [B, T]
    return dense.new_zeros(dense.shape[1:]).scatter_add_(1, votes, torch.ones_like(votes, dtype=dense.dtype)).argmax(1)


def most_likely(output: Output) -> Int[Tensor, "B"]:
    """The class whose log-probabilities, added over the steps, are highest; the first of equals.

    Each step counts by how sure it is, where in `majority_vote` all count the same.
    """
    return functional.log_softmax(_dense(output), 2).sum(0).argmax(1)


@dataclass(frozen=True)
class Objective:
    """A loss and the reading of an output as a class that belongs to it.

    Args:
        loss: `loss(output, labels)`, a scalar.
        classes: `classes(output)`, `[B]`.
        over_steps: "mean" or "sum" where the loss is that of the steps, each of which stands alone; None for others.
    """

    loss: Callable[[Output, Tensor], Tensor]
    classes: Callable[[Output], Tensor]
    over_steps: Literal["mean", "sum"] | None = None


OBJECTIVES = {
    "spike_sum": Objective(cross_entropy_on_spike_sum, most_spikes),
    "max_membrane": Objective(cross_entropy_on_max_membrane, highest_membrane),
    "per_step": Objective(cross_entropy_per_step, majority_vote, "mean"),
    "per_step_likelihood": Objective(cross_entropy_per_step, most_likely, "mean"),
    "summed_over_steps": Objective(cross_entropy_summed_over_steps, majority_vote, "sum"),
    "spike_count_error": Objective(mean_squared_error_on_spike_counts, most_spikes),
}


def _dense(output: Output) -> Float[Tensor, "T B C"]:
    return output.dense() if isinstance(output, Spikes) else output


def _membrane(output: Output) -> Float[Tensor, "T B C"]:
    if isinstance(output, Spikes):
        raise InputError("output: expected a membrane [T, B, C], got Spikes; end the network with a readout such as LI")
    return output


def _checked(labels: Tensor, output: Float[Tensor, "*T B C"]) -> Int[Tensor, "B"]:
    """The labels, if they fit the output."""
    batch, classes = output.shape[-2:]
    kind = not labels.is_floating_point() and labels.dtype != torch.bool
    require(kind, "labels", "integers", labels.dtype)
    require(labels.shape == (batch,), "labels", f"shape ({batch},), one per sample", tuple(labels.shape))
    if labels.device != output.device:
        require(False, "labels", f"some on {output.device}, as the output is", labels.device)
    if not labels.is_cpu:
        return labels.long()
    low, high = (int(labels.min()), int(labels.max())) if batch else (0, 0)
    inside = low >= 0 and high < classes
    require(inside, "labels", f"classes from 0 to {classes - 1}", f"{low} to {high}")
    return labels.long()
