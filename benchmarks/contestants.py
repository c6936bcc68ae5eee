"""Ours and plain torch, ready to train the same network on the same batches."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import torch
from torch import Tensor

from spikeloom.bench.epoch import problem_of
from spikeloom.bench.torch_dense import VARIANTS, DenseNet
from spikeloom.checks import require
from spikeloom.data.dataset import Dataset
from spikeloom.nn import Spiking, init
from spikeloom.spikes import Spikes
from spikeloom.train import run as runs
from spikeloom.train import schedule
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import Config
from spikeloom.train.loop import trainer_for

Batches = Sequence[tuple[Spikes, Tensor]]

OURS = {"ours_auto": False, "ours_auto_bf16": True}
"""Our automatic choice of routes, and whether it runs inside of `torch.autocast` to bfloat16."""

PLAIN = {"torch_per_step": "per_step_fp32", "torch_folded": "folded_fp32", "torch_folded_bf16": "folded_bf16"}
"""Plain torch by the names that its steps have in `benchmarks.peers`."""


@dataclass(frozen=True)
class Contestant:
    """One way to train a network.

    Args:
        name: of the implementation.
        prepare: from a batch's spikes to what it takes.
        step: train on a prepared batch with its labels.
        classify: from a prepared batch to the classes found `[B]` and the activity of each hidden layer.
    """

    name: str
    prepare: Callable[[Spikes], Any]
    step: Callable[[Any, Tensor], None]
    classify: Callable[[Any], tuple[Tensor, list[float]]]


def contestants(
    config: Config, dataset: Dataset, batches: Batches, only: Sequence[str] | None = None
) -> list[Contestant]:
    """All contestants, or those that are named, with the same starting weights.

    Each is made twice, and the first one takes a step: what is compiled or started once is there when time counts.

    Args:
        config: settings of the run, one of LIF layers and a leaky-integrator readout.
        dataset: whose sensor and classes.
        batches: of an epoch; the first scales the weights, as training does it.
        only: names; None for all.

    Raises:
        InputError: a name that none has.
    """
    makers: dict[str, Callable[[], Contestant]] = {
        **{name: partial(_ours, name, bf16, config, dataset, batches) for name, bf16 in OURS.items()},
        **{name: partial(_plain, name, variant, config, dataset, batches) for name, variant in PLAIN.items()},
    }
    for name in only or ():
        require(name in makers, "only", "one of " + ", ".join(makers), repr(name))
    spikes, labels = batches[0]
    found = []
    for name in only or makers:
        spare = makers[name]()
        spare.step(spare.prepare(spikes), labels)
        found.append(makers[name]())
    return found


def _model(config: Config, dataset: Dataset, batches: Batches) -> Classifier:
    """The network with the weights that training starts from."""
    model = runs.classifier(config, dataset.sensor, dataset.classes)
    if config.training.initial_activity is not None:
        init.scale_to_activity_(model.network, batches[0][0], config.training.initial_activity)
    return model


def _ours(name: str, bf16: bool, config: Config, dataset: Dataset, batches: Batches) -> Contestant:
    model = _model(config, dataset, batches)
    trainer = trainer_for(model, config.training, len(batches))

    def context() -> AbstractContextManager[object]:
        return torch.autocast("cpu", torch.bfloat16) if bf16 else nullcontext()

    def step(spikes: Spikes, labels: Tensor) -> None:
        with context():
            trainer.step(spikes, labels, name)

    @torch.no_grad()
    def classify(spikes: Spikes) -> tuple[Tensor, list[float]]:
        with context():
            classes = model.objective.classes(model(spikes))
        return classes, [layer.last_activity for layer in model.network if isinstance(layer, Spiking)]

    return Contestant(name, lambda spikes: spikes, step, classify)


def _plain(name: str, variant: str, config: Config, dataset: Dataset, batches: Batches) -> Contestant:
    training, model = config.training, _model(config, dataset, batches)
    net, forward, total = DenseNet(problem_of(model, config)), VARIANTS[variant], training.epochs * len(batches)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=training.weight_decay, fused=True)
    done = count()

    def prepare(spikes: Spikes) -> Tensor:
        return spikes.dense().to(torch.bfloat16 if "bf16" in name else torch.float32).contiguous()

    def step(x: Tensor, labels: Tensor) -> None:
        for group in optimizer.param_groups:
            group["lr"] = schedule.learning_rate(next(done), total, training)
        optimizer.zero_grad()
        loss = model.objective.loss(forward(net, x)[0], labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    @torch.no_grad()
    def classify(x: Tensor) -> tuple[Tensor, list[float]]:
        output, spikes = forward(net, x)
        rates = [sum(int(s.count_nonzero()) for s in layer) / sum(s.numel() for s in layer) for layer in spikes]
        return model.objective.classes(output), rates

    return Contestant(name, prepare, step, classify)
