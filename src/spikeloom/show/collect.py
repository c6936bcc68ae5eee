"""What is computed from the network of a run and a split of its data, in one pass over all samples."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from spikeloom.nn.losses import Output
from spikeloom.show import operations
from spikeloom.show.passes import Flow, flows
from spikeloom.spikes import Spikes
from spikeloom.train.chance import fixed_chance
from spikeloom.train.classifier import Classifier

Batches = Iterable[tuple[Spikes, Tensor]]

MOST_ROWS = 1 << 17
"""Steps times samples that go through a network at once: every layer's spikes of these are in memory together."""

CONFUSIONS_KEPT = 64
"""Of so many kinds of confusion a sample is kept to show."""


@dataclass(frozen=True)
class Predictions:
    """The label of each sample and the class that a network found.

    Args:
        labels: `[S]`, from 0 to C - 1.
        predicted: `[S]`, from 0 to C - 1.
        classes: C.
    """

    labels: Int64[np.ndarray, "S"]
    predicted: Int64[np.ndarray, "S"]
    classes: int

    @property
    def accuracy(self) -> float:
        """The share of samples whose class was found, from 0 to 1; 0 of no samples."""
        return float((self.labels == self.predicted).mean()) if len(self.labels) else 0.0

    @property
    def confusion(self) -> Int64[np.ndarray, "C C"]:
        """How many samples of each class (row) were found to be of each class (column)."""
        flat = np.bincount(self.labels * self.classes + self.predicted, minlength=self.classes**2)
        return flat.reshape(self.classes, self.classes)

    def confused(self, most: int) -> list[tuple[int, int, int]]:
        """The most frequent confusions: (label, class found, how often), in falling order, at most so many."""
        wrong = self.confusion * (1 - np.eye(self.classes, dtype=np.int64))
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = [divmod(int(place), self.classes) for place in order]
        return [(label, found, int(wrong[label, found])) for label, found in pairs if wrong[label, found]]


@dataclass(frozen=True)
class Example:
    """A sample, what the network made of it, and how.

    Args:
        index: which sample of the split it is, from 0.
        label: its class.
        predicted: the class found.
        flows: each layer at work on this sample.
        output: of the network, for this sample.
    """

    index: int
    label: int
    predicted: int
    flows: list[Flow]
    output: Output


@dataclass
class Operations:
    """Synaptic operations of a layer, sample by sample, as `operations` counts them."""

    forward: list[np.ndarray] = field(default_factory=list)
    backward: list[np.ndarray] = field(default_factory=list)
    dense_forward: int = 0
    dense_backward: int = 0
    sparse: bool = True

    def mean(self, part: str) -> float:
        """Operations done for a sample, in the mean: "forward" or "backward"."""
        return float(np.concatenate(getattr(self, part)).mean())

    def dense(self, part: str) -> int:
        """Multiply-adds that a dense network does for a sample."""
        return int(getattr(self, f"dense_{part}"))


@dataclass
class Survey:
    """What one pass over a split finds.

    Args:
        predictions: of all samples.
        counts: by layer, the input first, how often each neuron spiked in all samples.
        operations: by layer.
        examples: of each class a sample that was found, of each kind of confusion one that was not.
        steps: T.
    """

    predictions: Predictions
    counts: dict[str, Int64[np.ndarray, "N"]]
    operations: dict[str, Operations]
    examples: list[Example]
    steps: int

    def rates(self, name: str) -> np.ndarray:
        """The share of all steps at which each neuron of a layer spiked, from 0 to 1, `[N]`."""
        return self.counts[name] / (self.steps * max(1, len(self.predictions.labels)))


def survey(model: Classifier, batches: Batches, advance: Callable[[], None] = lambda: None) -> Survey:
    """Predictions, activity of every neuron, synaptic operations, and samples to show.

    Args:
        model: a trained network.
        batches: of spikes and labels, as a loader yields them.
        advance: called after each batch.
    """
    labels, found, kept = [], [], Kept()
    counts: dict[str, np.ndarray] = {}
    work: dict[str, Operations] = {}
    steps = model.binning.steps
    for spikes, wanted in _in_order(model, batches, advance):
        layers, output = flows(model, spikes)
        predicted = model.objective.classes(output)
        labels.append(wanted)
        found.append(predicted)
        kept.look(wanted.tolist(), predicted.tolist(), layers, output)
        for name, made in [("input", spikes), *((flow.name, flow.own) for flow in layers)]:
            if made is not None:
                counts[name] = counts.get(name, 0) + spikes_of_neurons(made)
        for place, flow in enumerate(layers):
            _add(work.setdefault(flow.name, Operations()), flow, first=place == 0)
    return Survey(_predictions(labels, found, model.classes), counts, work, kept.examples, steps)


def spikes_of_neurons(spikes: Spikes) -> Int64[np.ndarray, "N"]:
    """How often each neuron spiked in all samples of a batch."""
    fired = spikes.active.detach() == 1
    return np.bincount(spikes.ids[fired].numpy(), minlength=spikes.neurons)


@dataclass
class Kept:
    """Samples worth showing: the first of each class that was found, the first of each kind of confusion."""

    examples: list[Example] = field(default_factory=list)
    kinds: set[tuple[int, int]] = field(default_factory=set)
    seen: int = 0

    def look(self, labels: list[int], predicted: list[int], layers: list[Flow], output: Output) -> None:
        """Take what is new from a batch."""
        for place, kind in enumerate(zip(labels, predicted, strict=True)):
            label, found = kind
            room = label == found or sum(a != b for a, b in self.kinds) < CONFUSIONS_KEPT
            if kind not in self.kinds and room:
                self.kinds.add(kind)
                parts = [flow.sample(place) for flow in layers]
                one = output[:, place : place + 1]
                one = one if isinstance(one, Spikes) else one.clone()
                self.examples.append(Example(self.seen + place, label, found, parts, one))
        self.seen += len(labels)


def _in_order(model: Classifier, batches: Batches, advance: Callable[[], None]) -> Iterator[tuple[Spikes, Tensor]]:
    """The batches, long ones in parts, with the network at rest and chance fixed, as a test of it has them."""
    model.eval()
    with fixed_chance(model.device):
        for spikes, labels in batches:
            most = max(1, MOST_ROWS // spikes.steps)
            if spikes.batch <= most:
                yield spikes, labels
            else:
                for first in range(0, spikes.batch, most):
                    yield spikes[:, first : first + most], labels[first : first + most]
            advance()


def _add(work: Operations, flow: Flow, *, first: bool) -> None:
    counted = operations.count(flow, first=first)
    work.forward.append(counted.forward)
    work.backward.append(counted.backward)
    work.dense_forward, work.dense_backward = counted.dense_forward, counted.dense_backward
    work.sparse = operations.is_sparse(flow.layer)


def _predictions(labels: list[Tensor], found: list[Tensor], classes: int) -> Predictions:
    return Predictions(torch.cat(labels).numpy(), torch.cat(found).numpy(), classes)
