"""A run from its settings to its last line, and the evaluation of one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from spikeloom import gpu
from spikeloom.checks import InputError, require
from spikeloom.data.loader import Loader
from spikeloom.nn import init
from spikeloom.train import checkpoint, chunks, logs, recipes, settings
from spikeloom.train import run as runs
from spikeloom.train.budget import Budget
from spikeloom.train.checkpoint import Checkpoint
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import Config, TrainingSettings
from spikeloom.train.datasets import Loaders, loaders
from spikeloom.train.interrupt import Stopped
from spikeloom.train.loop import Loop, evaluate, trainer_for
from spikeloom.train.metrics import Metrics, activity_in_words, read
from spikeloom.train.report import Report
from spikeloom.train.run import Run


@dataclass(frozen=True)
class Outcome:
    """What a run ended with.

    Args:
        folder: the run's.
        test: the chosen epoch's metrics on the test samples; None if the run was stopped.
    """

    folder: Path
    test: Metrics | None


def train(config: Config, folder: Path | None = None, report: Report | None = None) -> Outcome:
    """Do a run: data, network, training, test, and the run folder.

    Ctrl-C while it trains writes a checkpoint at the next training step, says how to go on, and returns.

    Args:
        config: all settings.
        folder: where the run goes, a folder that does not exist; None: a new one below `runs`.
        report: where progress goes; None: standard output.

    Raises:
        InputError: a folder that exists, data that cannot be used, settings that do not fit each other, numbers that
            are not finite, a disk that cannot be written, a GPU that cannot be used or has too little memory.
    """
    report, folder = report or Report(), folder or runs.default_folder(config.recipe)
    runs.require_new(folder)
    _require_possible(config)
    with computing(config.training):
        prepared = _prepare(config, report)
        with Run.create(folder, config) as run:
            return _Session(run, *prepared, report).run_from(None)


def resume(
    folder: Path, recipe: str | None = None, given: Mapping[str, str] | None = None, report: Report | None = None
) -> Outcome:
    """Go on with a run where it was stopped or killed; it ends with the same bits as if it had not been.

    A folder that does not exist is begun, if a recipe is given; a finished run says so, with its summary.

    Args:
        folder: the run's, which holds all settings.
        recipe: the recipe that the run must be of, or a config.toml that it must agree with.
        given: settings that the run must have, as `settings.override` reads them; `device` alone may be another than
            the run began on, for this time.
        report: where progress goes; None: standard output.

    Raises:
        InputError: no run and no recipe, another recipe or other settings than the run's, another process that works
            on it, no checkpoint that is whole, or what `train` raises.
    """
    report = report or Report()
    if recipe is not None and not folder.exists():
        report.line(f"run folder {folder} does not exist yet: beginning the run")
        return train(settings.override(configured(recipe), given or {}), folder, report)
    with Run.open(folder) as run:
        _require_same(run, recipe, given or {})
        run.config = _on(run.config, (given or {}).get("device"))
        finished = _finished(run)
        if finished is not None:
            report.line(f"run {folder} is finished\n{_summary(run.metrics(), folder)}")
            return Outcome(folder, finished)
        found, wrong = checkpoint.newest(folder)
        for line in wrong:
            report.line(line)
        _require_possible(run.config)
        run.rewind(found)
        with computing(run.config.training):
            return _Session(run, *_prepare(run.config, report), report).run_from(found)


def configured(recipe: str) -> Config:
    """The settings of a recipe, or those in a config.toml.

    Raises:
        InputError: no such recipe or file.
    """
    file = Path(recipe)
    return settings.from_toml(file) if file.suffix == ".toml" else recipes.named(recipe)


@dataclass
class _Session:
    """A run while it is done."""

    run: Run
    batches: Loaders
    model: Classifier
    report: Report

    def run_from(self, found: Checkpoint | None) -> Outcome:
        """Train from a checkpoint, or from the beginning, to the end; then test."""
        run, model, batches, config = self.run, self.model, self.batches, self.run.config
        self.report.line(_sizes(config, batches, model))
        try:
            if config.training.tensorboard:
                run.show_on_tensorboard()
            with Budget(config.training) as budget:
                best = self._train(found, budget)
                _draw(run, model, batches)
                chunk = chunks.length(config.training)
                test = evaluate(model, batches.test, best.epoch, "test", self.report, chunk=chunk)
            # The last thing: a run with a line of its test is finished.
            run.record(test)
        except KeyboardInterrupt:
            return self._stopped()
        except Stopped:
            # With validation the best epoch so far is on disk already, and stays the choice.
            if batches.validation is None or not (run.folder / runs.MODEL).exists():
                run.save(model)
            return self._stopped()
        self.report.line(model.network.explain())
        self.report.line(_summary(run.metrics(), run.folder))
        return Outcome(run.folder, test)

    def _train(self, found: Checkpoint | None, budget: Budget) -> Metrics:
        trainer = trainer_for(self.model, self.run.config.training, len(self.batches.train))
        loop = Loop(trainer, self.batches.train, self.batches.validation, self.run, self.report)
        first = next(iter(self.batches.train))[0].to(self.model.device)
        if found is None:
            wanted = self.run.config.training.initial_activity
            if wanted is not None:
                init.scale_to_activity_(self.model.network, first, wanted)
        else:
            loop.go_on_from(found)
            at = f"epoch {loop.progress.epoch}, step {loop.progress.batch + 1}"
            self.report.line(f"going on from {found.folder}" + ("" if loop.finished else f": {at}"))
        if not loop.finished:
            self.report.line(budget.check(self.model, first))
        return loop.run()

    def _stopped(self) -> Outcome:
        self.report.line(f"stopped; go on with: {self.run.go_on}")
        return Outcome(self.run.folder, None)


def _prepare(config: Config, report: Report) -> tuple[Loaders, Classifier]:
    batches = loaders(config)
    for loader in (batches.train, batches.validation, batches.test):
        if loader is not None:
            _convert(loader, report)
    dataset = batches.train.dataset
    # Weights are drawn on the CPU: with the same seed they are the same wherever a run is.
    model = runs.classifier(config, dataset.sensor, dataset.classes)
    return batches, model.to(gpu.usable(config.training.device))


def _convert(loader: Loader, report: Report) -> None:
    """Convert the recordings, if that is not done, before any time of an epoch is measured."""
    with ExitStack() as shown:
        advance: Callable[[], None] | None = None

        def converted(_: int, total: int) -> None:
            nonlocal advance
            if advance is None:
                bar = report.progress("converting recordings", total, unit="recordings")
                advance = shown.enter_context(bar)
            advance()

        loader.open(converted)


def _require_possible(config: Config) -> None:
    """Raise where settings ask for what cannot be, before any work is done."""
    gpu.usable(config.training.device)
    if config.training.patience is not None:
        held_out = config.data.validation > 0 or config.data.validation_speaker is not None
        remedy = "set validation=0.1, or patience=none"
        require(held_out, "patience", "validation samples beside it, to tell which epoch is better", "none", remedy)
    if config.training.tensorboard:
        logs.require_tensorboard()


def _require_same(run: Run, recipe: str | None, given: Mapping[str, str]) -> None:
    """Raise where a recipe or settings are not those of a run."""
    remedy = "leave it out: a run goes on with the settings it has"
    if recipe is not None and Path(recipe).suffix != ".toml":
        require(run.config.recipe == recipe, "RECIPE", f"{run.config.recipe}, as {run.folder} has it", recipe, remedy)
    wanted = configured(recipe) if recipe is not None and Path(recipe).suffix == ".toml" else run.config
    for name, old, new in _differences(run.config, settings.override(wanted, given)):
        require(False, name, f"{old}, as {run.folder} has it", new, remedy)


def _differences(old: Config, new: Config) -> Iterator[tuple[str, object, object]]:
    """The settings in which two runs differ, wherever they compute: name, old, new."""
    for key, section in settings.SECTION_OF.items():
        if key == "device":
            continue
        values = [getattr(getattr(config, section), key) for config in (old, new)]
        if values[0] != values[1]:
            yield key, values[0], values[1]


def _on(config: Config, device: str | None) -> Config:
    """The same settings on another device, if one is named."""
    return config if device is None else settings.override(config, {"device": device})


def _finished(run: Run) -> Metrics | None:
    """The metrics of the test, which come last in a run; None where it is not done."""
    path = run.folder / runs.METRICS
    # A line that a kill has cut off is none.
    if not path.exists() or not path.read_bytes().endswith(b"\n"):
        return None
    lines = run.metrics()
    return lines[-1] if lines[-1].split == "test" else None


def evaluate_run(
    folder: Path, data: str | None, split: str, report: Report | None = None, device: str | None = None
) -> Metrics:
    """Test the weights of a run on a split of its data.

    Args:
        folder: the run's.
        data: the folder of the recordings, if not where the run had them.
        split: "train", "validation" or "test"; never augmented.
        report: where progress goes; None: standard output.
        device: where to compute; None: where the run did.

    Raises:
        InputError: a run, data or a GPU that cannot be used, or a split that the run does not have.
    """
    report = report or Report()
    config = _on(settings.from_toml(runs.existing(folder) / runs.CONFIG), device)
    model = runs.load(folder, str(gpu.usable(config.training.device)))
    changed = replace(config.data, path=data or config.data.path)
    with computing(config.training), Budget(config.training):
        loader = getattr(loaders(replace(config, data=changed)), split)
        if loader is None:
            raise InputError(f"split: expected train or test, got {split}; the run held nothing out (validation = 0)")
        loader.augment = None
        _convert(loader, report)
        metrics = evaluate(model, loader, _chosen_epoch(folder), split, report, chunk=chunks.length(config.training))
    report.line(
        f"{split} accuracy {metrics.accuracy:.2%}, loss {metrics.loss:.4f}, {metrics.samples_per_s:.0f} samples/s\n"
        f"activity {activity_in_words(metrics.activity)}"
    )
    return metrics


def _chosen_epoch(folder: Path) -> int:
    """The epoch whose weights a run has saved, also while it is not finished; 0 before the end of the first."""
    lines = read(folder / runs.METRICS)
    tests = [line.epoch for line in lines if line.split == "test"]
    validated = [line for line in lines if line.split == "validation"]
    if tests or not validated:
        return tests[-1] if tests else max((line.epoch for line in lines), default=0)
    return max(validated, key=lambda line: (line.accuracy, -line.loss)).epoch


@contextmanager
def computing(settings: TrainingSettings) -> Iterator[None]:
    """While open, use so many threads, this precision and this GPU, and flush denormal floats to zero: decaying
    adjoints become such, and slow."""
    device = torch.device(settings.device)
    # Triton starts its kernels on torch's current GPU.
    current = torch.cuda.device(device) if device.type == "cuda" else nullcontext()
    threads, flushing = torch.get_num_threads(), float(torch.tensor(1e-38) * 1e-3) == 0.0
    torch.set_flush_denormal(True)
    torch.set_num_threads(settings.threads or threads)
    try:
        with current, torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
            yield
    finally:
        torch.set_flush_denormal(flushing)
        torch.set_num_threads(threads)


def _sizes(config: Config, batches: Loaders, model: Classifier) -> str:
    held_out = f", {len(batches.validation.dataset)} to validate" if batches.validation else ""
    layers = " - ".join(map(str, (model.binning.neurons, *config.network.hidden, model.classes)))
    return (
        f"{config.recipe}: {len(batches.train.dataset)} samples to train{held_out}, "
        f"{len(batches.test.dataset)} to test; "
        f"network {layers}, {config.data.steps} steps of {config.data.dt_ms:g} ms"
    )


def _draw(run: Run, model: Classifier, batches: Loaders) -> None:
    spikes, labels = next(iter(batches.test))
    run.draw(model, spikes[:, :1], int(labels[0]))


def _summary(lines: Sequence[Metrics], folder: Path) -> str:
    """What a finished run came to, from its metrics."""
    test = lines[-1]
    validated = any(line.split == "validation" for line in lines)
    chosen = f"epoch {test.epoch}, the best on validation" if validated else "the last epoch"
    trained = [line for line in lines if line.split == "train"]
    seconds = sum(line.seconds for line in lines)
    return (
        f"test accuracy  {test.accuracy:.2%} ({chosen})\n"
        f"activity       {activity_in_words(test.activity)}\n"
        f"training       {trained[-1].samples_per_s:.0f} samples/s; {seconds:.1f} s in all\n"
        f"run folder     {folder}"
    )
