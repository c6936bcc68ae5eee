"""`spikeloom bench epoch`: an epoch of a recipe on real data, beside the same network in plain torch.

Ours is the epoch as training runs it: batches from the loader, augmented, with all checks and metrics. Plain torch gets
the same batches as dense tensors that are there before its clock starts, the same weights, loss and optimiser.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median

import torch

from spikeloom.bench import host
from spikeloom.bench.cases import Case, Workload
from spikeloom.bench.problem import Layer, Problem
from spikeloom.bench.torch_dense import VARIANTS, DenseNet
from spikeloom.checks import require
from spikeloom.data.loader import Loader
from spikeloom.nn import LI, Spiking, init
from spikeloom.spikes import Spikes
from spikeloom.train import recipes, settings
from spikeloom.train import run as runs
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import Config
from spikeloom.train.datasets import loaders
from spikeloom.train.loop import trainer_for
from spikeloom.train.metrics import Tally
from spikeloom.train.step import Trainer

OURS = "spikeloom"
RIVALS = ("per_step_fp32", "folded_fp32")
ROUNDS = 3
OWN_EPOCHS = 4
"""Epochs of ours in each round; of the others, which take ten times as long, it is one."""


@dataclass(frozen=True)
class Result:
    """What was measured.

    Args:
        recipe: whose settings.
        network: sizes of the layers.
        samples: of an epoch.
        batch_size: B.
        steps: T.
        threads: of all that ran.
        first_s: seconds of our first epoch, in which the gradient window may still be open, compilation not included.
        seconds: by contender, each epoch's.
        input_activity: the fraction of inputs and steps that spiked in our last epoch.
        hidden_activity: the same of each hidden layer.
        waited: the fraction of our epochs that was spent waiting for the loader.
        prepared: the processor time that the loader took, as a fraction of that of all threads in our epochs.
    """

    recipe: str
    network: list[int]
    samples: int
    batch_size: int
    steps: int
    threads: int
    first_s: float
    seconds: dict[str, list[float]]
    input_activity: float
    hidden_activity: list[float]
    waited: float
    prepared: float

    def median_s(self, name: str) -> float:
        """The median of a contender's epochs."""
        return median(self.seconds[name])


def run(
    recipe: str,
    data: str | None,
    samples: int,
    threads: int | None,
    as_json: bool,
    changes: Mapping[str, str] | None = None,
) -> int:
    """Measure an epoch and print what was measured.

    Args:
        recipe: its name; one with LIF layers and a leaky-integrator readout, or `changes` that make it one.
        data: the folder of the recordings; None: where `spikeloom data get` puts them.
        samples: of an epoch.
        threads: for all that is compared; None for all processors.
        as_json: print one line of JSON, alone on standard output, instead of a table.
        changes: settings by key that differ from the recipe's.

    Returns:
        The exit status, 0.

    Raises:
        InputError: an argument out of its range, data that are not there, or fewer samples than asked for.
    """
    threads = host.cores() if threads is None else threads
    require(threads >= 1, "threads", "at least 1", threads)
    given = {"train_samples": str(samples), "validation": "0"} | ({"path": data} if data else {}) | dict(changes or {})
    config = settings.override(recipes.named(recipe), given)
    result = host.call_flushed(threads, measure, config, threads)
    if as_json:
        print(json.dumps(asdict(result) | {"processor": host.processor()}))
    else:
        _print(result)
    return 0


def measure(config: Config, threads: int) -> Result:
    """Measure an epoch of a run with these settings, ours and plain torch's in turns."""
    require(config.network.readout == "li", "readout", "li", config.network.readout)
    remedy = "--set neuron=lif --set neuron_parameters= --set learn="
    require(config.network.neuron == "lif", "neuron", "lif, which the others have too", config.network.neuron, remedy)
    # A schedule over so many epochs keeps the learning rate near its peak in the few that are measured.
    endless = replace(config, training=replace(config.training, epochs=1000))
    batches = loaders(endless).train
    model = runs.classifier(endless, batches.dataset.sensor, batches.dataset.classes)
    if config.training.initial_activity is not None:
        init.scale_to_activity_(model.network, next(iter(batches))[0], config.training.initial_activity)
    trainer = trainer_for(model, endless.training, len(batches))
    rivals = {name: _rival(name, model, endless, batches) for name in RIVALS}
    _warm_up(trainer, batches)
    first_s, _ = _own_epoch(trainer, batches)
    seconds: dict[str, list[float]] = {name: [] for name in (OURS, *RIVALS)}
    waited = prepared = 0.0
    for _ in range(ROUNDS):
        for _ in range(OWN_EPOCHS):
            own_s, tally = _own_epoch(trainer, batches)
            seconds[OURS].append(own_s)
            waited, prepared = waited + batches.waited_s, prepared + batches.busy_s
        for name, epoch in rivals.items():
            start = time.perf_counter()
            epoch()
            seconds[name].append(time.perf_counter() - start)
    activity = tally.metrics(1, "train").activity
    total = sum(seconds[OURS])
    return Result(
        config.recipe,
        [model.binning.neurons, *config.network.hidden, model.classes],
        len(batches.dataset),
        config.data.batch_size,
        config.data.steps,
        threads,
        first_s,
        seconds,
        activity.pop("input"),
        list(activity.values()),
        waited / total,
        prepared / (total * threads),
    )


def _warm_up(trainer: Trainer, batches: Loader) -> None:
    """Two steps, in which kernels are compiled."""
    for number, (spikes, labels) in enumerate(batches):
        trainer.step(spikes, labels, "warm-up")
        if number == 1:
            break


def _own_epoch(trainer: Trainer, batches: Loader) -> tuple[float, Tally]:
    """Train for an epoch, as `train.loop` does; the seconds it took, and its tally."""
    start, tally = time.perf_counter(), Tally()
    for spikes, labels in tally.timed(batches):
        loss, classes = trainer.step(spikes, labels, "an epoch")
        tally.add(loss, classes, labels, trainer.model.activity(spikes))
    return time.perf_counter() - start, tally


def _rival(name: str, model: Classifier, config: Config, batches: Loader) -> Callable[[], None]:
    """An epoch in plain torch, from weights as ours are now."""
    net = DenseNet(problem_of(model, config))
    optimizer = torch.optim.AdamW(
        net.parameters(), config.training.learning_rate, weight_decay=config.training.weight_decay, fused=True
    )
    dense = [(spikes.dense().contiguous(), labels) for spikes, labels in batches]

    def epoch() -> None:
        for x, labels in dense:
            optimizer.zero_grad()
            loss = model.objective.loss(VARIANTS[name](net, x)[0], labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    VARIANTS[name](net, dense[0][0])  # the first call of anything is slow
    return epoch


def problem_of(model: Classifier, config: Config) -> Problem:
    """The network and its weights, as plain torch's variants take them, without input.

    Args:
        model: of LIF layers and a leaky-integrator readout.
        config: the settings that it was made by.
    """
    layers: Sequence[Spiking | LI] = list(model.network)
    hidden = [layer for layer in layers if isinstance(layer, Spiking)]
    first, readout = hidden[0], layers[-1]
    work = Workload(
        Case(config.recipe, first.in_features, config.data.steps, model.classes),
        recurrent=config.network.recurrent is True,
        hidden=config.network.hidden,
        batch=config.data.batch_size,
        beta=float(first.value("beta").flatten()[0]),
        readout_beta=config.network.readout_beta,
        threshold=config.network.threshold,
        gain=config.network.gain,
    )
    made = tuple(
        Layer(layer.weight_matrix(), layer.recurrent_matrix() if work.recurrent else None, 0.0, 0.0) for layer in hidden
    )
    nothing = Spikes.from_dense(torch.zeros(1, 1, first.in_features))
    return Problem(work, nothing, torch.zeros(1, dtype=torch.long), made, readout.weight_matrix())


def _print(result: Result) -> None:
    from rich.console import Console
    from rich.table import Table

    console, own = Console(), result.median_s(OURS)
    sizes = "-".join(map(str, result.network))
    hidden = ", ".join(f"{a:.1%}" for a in result.hidden_activity)
    console.print(
        f"recipe {result.recipe}: {result.samples} samples, {sizes}, {result.steps} steps, batches of "
        f"{result.batch_size}, {result.threads} threads\nactive: input {result.input_activity:.1%}, hidden {hidden}",
        highlight=False,
    )
    table = Table("an epoch of training", "seconds (median)", "ours is faster by")
    for name in result.seconds:
        table.add_row(name, f"{result.median_s(name):.3f}", f"{result.median_s(name) / own:.1f}")
    console.print(table)
    console.print(
        f"our first epoch {result.first_s:.2f} s; the loader: waited for {result.waited:.1%} of the time, "
        f"{result.prepared:.1%} of the processors",
        highlight=False,
    )
