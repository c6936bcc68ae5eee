"""The training loop: epochs, validation, choosing, checkpoints."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from spikeloom.checks import require
from spikeloom.data.loader import Loader
from spikeloom.neurons import equations
from spikeloom.nn.blocked import Blocked
from spikeloom.ops.arrays import width
from spikeloom.optim import AdamW
from spikeloom.train import chunks, finite, guards, reading, schedule, snapshot, transfer
from spikeloom.train.chance import fixed_chance
from spikeloom.train.checkpoint import Checkpoint
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import TrainingSettings
from spikeloom.train.guards import Condition
from spikeloom.train.interrupt import Interrupt, Stopped
from spikeloom.train.metrics import Metrics, Tally
from spikeloom.train.report import Report
from spikeloom.train.seen import Seen
from spikeloom.train.step import Trainer
from spikeloom.train.transfer import Batches


class Keeper(Protocol):
    """Where metrics, weights and checkpoints go."""

    def record(self, metrics: Metrics) -> None:
        """Keep a line of metrics."""

    def save(self, model: Classifier) -> None:
        """Keep the weights, instead of those kept before."""

    def weights(self) -> dict[str, Tensor] | None:
        """The weights kept last; None if none were."""

    def write_checkpoint(self, step: int, tensors: dict[str, Tensor], state: dict[str, Any], keep: int) -> None:
        """Keep all that training goes on from."""


@dataclass
class Progress:
    """How far a training is.

    Args:
        epoch: the one under way, from 1 on.
        batch: how many of its batches have been trained on.
        tally: of these batches; None before the first.
        best: the metrics of the best epoch so far; without validation, of the last.
        worse: epochs since then.
        dropped: ids that a cap on activity had dropped before this epoch.
        first: the loader's number of the first epoch.
        conditions: how each hidden layer did in the last epoch.
    """

    epoch: int = 1
    batch: int = 0
    tally: Tally | None = None
    best: Metrics | None = None
    worse: int = 0
    dropped: int = 0
    first: int = 0
    conditions: dict[str, Condition] = field(default_factory=dict)


PLAIN = ("epoch", "batch", "worse", "dropped", "first", "conditions")
"""What of a progress JSON holds as it is."""


def trainer_for(model: Classifier, settings: TrainingSettings, batches: int) -> Trainer:
    """What trains a network over epochs of so many batches."""
    # torch's default implementation of Adam is about ten times slower on a CPU than its fused one.
    optimizer = AdamW(model.network.parameters(), weight_decay=settings.weight_decay)
    steps = math.ceil(batches / settings.accumulate)
    return Trainer(model, optimizer, settings, total=settings.epochs * steps)


class Loop:
    """Trains a network, and leaves the chosen epoch's weights in it and in what keeps them.

    With validation samples the epoch with the best accuracy on them is chosen, among equals the one with the lowest
    loss; without, the last.

    Args:
        trainer: of the network with the weights to start from, and the settings.
        train: batches to train on.
        validation: batches to choose the epoch by.
        keeper: where metrics, weights and checkpoints go.
        report: where progress goes.
    """

    def __init__(
        self, trainer: Trainer, train: Batches, validation: Batches | None, keeper: Keeper, report: Report
    ) -> None:
        self.trainer, self.train, self.validation = trainer, train, validation
        self.keeper, self.report = keeper, report
        self.settings = trainer.settings
        self.progress = Progress(first=getattr(train, "epoch", 0))
        self._interrupt = Interrupt()
        self._last_checkpoint = time.monotonic()

    def run(self) -> Metrics:
        """Train to the end.

        Returns:
            The chosen epoch's metrics, on the validation samples if there are any.

        Raises:
            InputError: data that cannot be used, numbers that are not finite, or a disk that cannot be written.
            Stopped: Ctrl-C was pressed; a checkpoint has been written.
        """
        self._last_checkpoint = time.monotonic()
        with self._interrupt:
            while not self.finished:
                trained = self._train_epoch()
                self._close_epoch(trained, self._validate(trained))
        best, weights = self.progress.best, self.keeper.weights()
        assert best is not None  # there is at least one epoch
        require(weights is not None, "weights", "those of the best epoch", "none", "the run's files have been changed")
        self.trainer.model.network.load_state_dict(weights or {})
        return best

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or enough have gone by without a better one."""
        patience = self.settings.patience
        tired = patience is not None and self.progress.worse >= patience
        return tired or self.progress.epoch > self.settings.epochs

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that `go_on_from` needs: tensors, and what JSON holds."""
        network, done = self.trainer.model.network, self.progress
        tensors, strides = snapshot.take(network, self.trainer.optimizer)
        own = {name: getattr(done, name) for name in PLAIN}
        seen = self.trainer.seen
        tensors |= {f"seen.{layer}": torch.from_numpy(of.counts) for layer, of in seen.items()}
        return tensors, own | {
            "tally": done.tally and done.tally.state(),
            "best": done.best and asdict(done.best),
            "trainer": _counters(self.trainer),
            "seen": {layer: {"rows": of.rows, "dropped": of.dropped} for layer, of in seen.items()},
            "strides": strides,
            "batches": len(self.train),
            "machine": _machine(self.trainer.model.device),
            "neurons": _neurons(self.trainer.model),
        }

    def go_on_from(self, found: Checkpoint) -> None:
        """Take up a training where a checkpoint of it left off.

        Raises:
            InputError: the checkpoint is one of another network or of other data.
        """
        state, trainer = found.state, self.trainer
        remedy = "the recordings have changed since: put them back, or begin the run anew"
        require(state["batches"] == len(self.train), "data", f"{state['batches']} batches", len(self.train), remedy)
        remedy = "their file was edited since: put it back, or begin the run anew"
        same = state["neurons"] == _neurons(trainer.model)
        require(same, "neurons", "the equations that the run began with", "others", remedy)
        snapshot.give_back(trainer.model.network, trainer.optimizer, found.tensors, state["strides"])
        for name, value in state["trainer"].items():
            setattr(trainer, name, value)
        for name, now in _machine(trainer.model.device).items():
            # Of a run that began elsewhere, only that is of interest.
            before = state["machine"].get(name, now)
            if before != now:
                self.report.line(f"{name} is {now}, was {before}: results agree within rounding, not to the bit")
        for layer, rest in state["seen"].items():
            trainer.seen[layer] = Seen(found.tensors[f"seen.{layer}"].numpy(), **rest)
        self.progress = Progress(
            **{name: state[name] for name in PLAIN},
            tally=state["tally"] and Tally(**state["tally"]),
            best=state["best"] and Metrics(**state["best"]),
        )

    def _train_epoch(self) -> Metrics:
        done, model = self.progress, self.trainer.model.train()
        tally = done.tally = done.tally or Tally()
        if isinstance(self.train, Loader):
            self.train.epoch, self.train.skip = done.first + done.epoch - 1, done.batch
        batches = transfer.to_device(self.train, model.device)
        with self.report.progress(f"epoch {done.epoch}", len(self.train), done.batch) as advance:
            for spikes, labels in tally.timed(batches):
                at = f"epoch {done.epoch}, step {done.batch + 1}"
                loss, classes = self.trainer.step(spikes, labels, at)
                tally.add(loss, classes, labels, model.activity(spikes))
                done.batch += 1
                advance()
                if self.trainer.pending == 0:
                    self._at_border()
        self.trainer.finish(f"epoch {done.epoch}, step {done.batch}")
        rate = schedule.learning_rate(self.trainer.done - 1, self.trainer.total, self.settings)
        return tally.metrics(done.epoch, "train", rate)

    def _validate(self, trained: Metrics) -> Metrics:
        if self.validation is None:
            return trained
        model, epoch = self.trainer.model, self.progress.epoch
        try:
            chunk = chunks.length(self.settings)
            return evaluate(model, self.validation, epoch, "validation", self.report, self._leave_if_asked, chunk)
        except Stopped:
            # Here, and not where it was raised: an evaluation has random numbers of its own.
            self._checkpoint()
            raise

    def _close_epoch(self, trained: Metrics, latest: Metrics) -> None:
        done = self.progress
        for line in (trained, latest) if self.validation is not None else (trained,):
            self.keeper.record(line)
        self.report.line(_in_words(trained, latest, self.settings.epochs, self.trainer.dropped - done.dropped))
        self._warn()
        done.worse += 1
        if self.validation is None or done.best is None or _is_better(latest, done.best):
            done.best, done.worse = latest, 0
            self.keeper.save(self.trainer.model)
        done.epoch, done.batch, done.tally = done.epoch + 1, 0, None
        done.dropped, self.trainer.seen = self.trainer.dropped, {}
        self._checkpoint()
        self._leave_if_asked()

    def _warn(self) -> None:
        """Say which layers have gone silent, or spike nearly all the time, since the last epoch."""
        seen = self.trainer.seen
        for line in guards.check(seen, self.progress.conditions):
            self.report.line(line)
        self.progress.conditions = guards.conditions(seen)

    def _at_border(self) -> None:
        """Between two training steps: stop, or write a checkpoint, if it is time to."""
        # Until the first step is done there is nothing to lose, and compilation may take long: Ctrl-C stops at once.
        self._interrupt.heed()
        if self._interrupt.asked:
            self._checkpoint()
            raise Stopped
        overdue = time.monotonic() - self._last_checkpoint >= 60 * self.settings.checkpoint_minutes
        # The end of the epoch has one of its own.
        if overdue and self.progress.batch < len(self.train):
            self._checkpoint()

    def _leave_if_asked(self) -> None:
        if self._interrupt.asked:
            raise Stopped

    def _checkpoint(self) -> None:
        self.keeper.write_checkpoint(self.trainer.done, *self.state(), self.settings.checkpoints)
        self._last_checkpoint = time.monotonic()


@torch.no_grad()
def evaluate(
    model: Classifier,
    loader: Batches,
    epoch: int,
    split: str,
    report: Report,
    after_each: Callable[[], None] = lambda: None,
    chunk: int | None = None,
) -> Metrics:
    """Loss, accuracy and activity on samples that are not trained on.

    Args:
        model: whose weights are tested.
        loader: the samples.
        epoch: the epoch these weights are of.
        split: what the samples are called.
        report: where progress goes.
        after_each: called after each batch.
        chunk: so many steps at a time; None: all at once.

    Raises:
        InputError: numbers that are not finite, naming the layer, the epoch and the split.
    """
    tally, at, device = Tally(), f"epoch {epoch}, {split}", model.device
    model.eval()
    with fixed_chance(device), report.progress(split, len(loader)) as advance:
        for spikes, labels in tally.timed(transfer.to_device(loader, device)):
            watch = finite.Watch(late=reading.is_late(device))
            with finite.at(at):
                output = chunks.outputs(model, spikes, chunk)
                loss = model.loss(output, labels)
                watch.check([(f"{model.network[-1].label}: loss", loss)], at)
            loss, classes, *numbers = model.read(spikes, loss, model.objective.classes(output), *watch.numbers())
            watch.judge(numbers)
            tally.add(loss.item(), classes, labels, model.activity(spikes))
            advance()
            after_each()
    return tally.metrics(epoch, split)


def _machine(device: torch.device) -> dict[str, str]:
    """What the bits of results depend on, beside settings and data."""
    if device.type == "cpu":
        return {"device": "the CPU", "vector width": f"{width().lanes} lanes", "torch": torch.__version__}
    return {"device": torch.cuda.get_device_name(device), "torch": torch.__version__}


def _neurons(model: nn.Module) -> list[str]:
    """Digests of the equations of all layers' neurons, which may stand in a file of the user's own."""
    layers = [layer for layer in model.modules() if isinstance(layer, Blocked)]
    return [equations(layer.neuron, layer.learned).digest for layer in layers]


def _counters(trainer: Trainer) -> dict[str, int | float]:
    """What a trainer counts, whatever it is."""
    values = {entry.name: getattr(trainer, entry.name) for entry in fields(trainer) if entry.name != "total"}
    return {name: value for name, value in values.items() if isinstance(value, int | float)}


def _is_better(one: Metrics, other: Metrics) -> bool:
    return (one.accuracy, -one.loss) > (other.accuracy, -other.loss)


def _in_words(trained: Metrics, latest: Metrics, epochs: int, dropped: int) -> str:
    validation = f"  validation {latest.accuracy:7.2%}" if latest.split == "validation" else ""
    lost = f"  the cap dropped {dropped} ids" if dropped else ""
    hidden = " ".join(f"{value:.1%}" for name, value in trained.activity.items() if name != "input")
    return (
        f"epoch {trained.epoch:>{len(str(epochs))}} of {epochs}  loss {trained.loss:.4f}  train {trained.accuracy:7.2%}"
        f"{validation}  {trained.samples_per_s:5.0f} samples/s  active {hidden}{lost}"
    )
