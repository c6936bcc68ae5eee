"""The training loop."""

import torch
from torch.optim import AdamW

from spikeloom.data.loader import Loader
from spikeloom.train.classifier import Classifier, fixed_chance
from spikeloom.train.config import TrainingSettings
from spikeloom.train.datasets import Loaders
from spikeloom.train.metrics import Metrics, Tally
from spikeloom.train.report import Report
from spikeloom.train.run import Run
from spikeloom.train.step import Trainer


def fit(model: Classifier, batches: Loaders, settings: TrainingSettings, run: Run, report: Report) -> Metrics:
    """Train a network, and leave the chosen epoch's weights in it and in the run folder.

    With validation samples the epoch with the best accuracy on them is chosen, among equals the one with the lowest
    loss; without, the last.

    Args:
        model: with the weights to start from.
        batches: to train on, to choose by and to test on.
        settings: epochs, learning rate and the like.
        run: where metrics and weights go.
        report: where progress goes.

    Returns:
        The chosen epoch's metrics, on the validation samples if there are any.

    Raises:
        InputError: data that cannot be used, or numbers that are not finite.
    """
    # torch's default implementation of Adam is about ten times slower on a CPU than its fused one.
    optimizer = AdamW(model.network.parameters(), weight_decay=settings.weight_decay, fused=True)
    trainer = Trainer(model, optimizer, settings, total=settings.epochs * len(batches.train))
    best: Metrics | None = None
    for epoch in range(1, settings.epochs + 1):
        dropped = trainer.dropped
        trained = latest = _train_epoch(trainer, batches.train, epoch, report)
        run.record(trained)
        if batches.validation is not None:
            latest = evaluate(model, batches.validation, epoch, "validation", report)
            run.record(latest)
        report.line(_epoch_in_words(trained, latest, settings.epochs, trainer.dropped - dropped))
        if batches.validation is None or best is None or _is_better(latest, best):
            best = latest
            run.save(model)
    assert best is not None  # there is at least one epoch
    weights = run.weights()
    assert weights is not None  # the best epoch saved them
    model.network.load_state_dict(weights)
    return best


def _train_epoch(trainer: Trainer, loader: Loader, epoch: int, report: Report) -> Metrics:
    model, tally = trainer.model.train(), Tally()
    with report.progress(f"epoch {epoch}", len(loader)) as advance:
        for number, (spikes, labels) in enumerate(loader, start=1):
            loss, classes = trainer.step(spikes, labels, f"epoch {epoch}, step {number}")
            tally.add(loss, classes, labels, model.activity(spikes))
            advance()
    return tally.metrics(epoch, "train")


@torch.no_grad()
def evaluate(model: Classifier, loader: Loader, epoch: int, split: str, report: Report) -> Metrics:
    """Loss, accuracy and activity on samples that are not trained on.

    Args:
        model: whose weights are tested.
        loader: the samples.
        epoch: the epoch these weights are of.
        split: what the samples are called.
        report: where progress goes.
    """
    tally = Tally()
    model.eval()
    with fixed_chance(), report.progress(split, len(loader)) as advance:
        for spikes, labels in loader:
            output = model(spikes)
            loss = model.loss(output, labels).item()
            tally.add(loss, model.objective.classes(output), labels, model.activity(spikes))
            advance()
    return tally.metrics(epoch, split)


def _is_better(one: Metrics, other: Metrics) -> bool:
    return (one.accuracy, -one.loss) > (other.accuracy, -other.loss)


def _epoch_in_words(trained: Metrics, latest: Metrics, epochs: int, dropped: int) -> str:
    validation = f"  validation {latest.accuracy:7.2%}" if latest.split == "validation" else ""
    lost = f"  the cap dropped {dropped} ids" if dropped else ""
    hidden = " ".join(f"{value:.1%}" for name, value in trained.activity.items() if name != "input")
    return (
        f"epoch {trained.epoch:>{len(str(epochs))}} of {epochs}  loss {trained.loss:.4f}  train {trained.accuracy:7.2%}"
        f"{validation}  {trained.samples_per_s:5.0f} samples/s  active {hidden}{lost}"
    )
