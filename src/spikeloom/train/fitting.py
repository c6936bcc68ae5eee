"""Training from Python, with the loop that the command line has."""

import html
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from torch import Tensor, nn

from spikeloom import gpu
from spikeloom.checks import InputError, require
from spikeloom.data.loader import Loader
from spikeloom.nn import Sequential, init
from spikeloom.nn.losses import OBJECTIVES
from spikeloom.train import chance, checkpoint, logs
from spikeloom.train.budget import Budget
from spikeloom.train.checkpoint import Checkpoint
from spikeloom.train.config import TrainingSettings
from spikeloom.train.foreign import Foreign, batch_of
from spikeloom.train.interrupt import Stopped
from spikeloom.train.keepers import FitFolder, Memory
from spikeloom.train.loop import Loop, trainer_for
from spikeloom.train.metrics import Metrics
from spikeloom.train.report import Report
from spikeloom.train.session import computing
from spikeloom.train.settings import nearest
from spikeloom.train.transfer import Batches


@dataclass(frozen=True)
class History:
    """What a training went through; a notebook shows it as a table.

    Args:
        metrics: of each epoch and split, in order.
        best: of the epoch whose weights the network now has; None if training was stopped before its end.
    """

    metrics: list[Metrics]
    best: Metrics | None

    def split(self, name: str) -> list[Metrics]:
        """The metrics of "train" or "validation", an entry for each epoch."""
        return [line for line in self.metrics if line.split == name]

    def _repr_html_(self) -> str:
        head = ("epoch", "split", "loss", "accuracy", "samples/s")
        rows = [
            (str(line.epoch), line.split, f"{line.loss:.4f}", f"{line.accuracy:.2%}", f"{line.samples_per_s:.0f}")
            for line in self.metrics
        ]
        cells = "".join(f"<tr>{''.join(f'<td>{html.escape(text)}</td>' for text in row)}</tr>" for row in rows)
        return f"<table><tr>{''.join(f'<th>{text}</th>' for text in head)}</tr>{cells}</table>"


def fit(
    net: nn.Module,
    loader: Any,
    validation: Any = None,
    *,
    epochs: int = 10,
    learning_rate: float = 1e-3,
    loss: str = "per_step",
    run: str | Path | None = None,
    resume: bool = False,
    report: Report | None = None,
    **settings: Any,
) -> History:
    """Train a network, and leave the best epoch's weights in it: by validation, or the last where there is none.

    Ctrl-C stops at the next training step; the weights stay as they are then.

    Args:
        net: a `spikeloom.nn.Sequential`, or any module that returns `(output, state)`, the output `Spikes` or a tensor
            `[T, B, C]`. It starts from the weights it has, unless `initial_activity` is given. It is moved to `device`
            where that is given, and trained where it is where not.
        loader: a `spikeloom.data.loader.Loader`, or anything with a length that yields `(x, labels)` anew for each
            epoch: x are `Spikes` or a tensor `[T, B, N]`, labels integers `[B]`.
        validation: the same, to choose the best epoch by; None for none.
        epochs: passes over the loader.
        learning_rate: its peak.
        loss: a name in `spikeloom.nn.losses.OBJECTIVES`.
        run: a folder for metrics, weights and checkpoints, which must not exist; None leaves no files.
        resume: go on with the training in `run`; begin it, if there is none. For a `Loader` alone.
        report: where progress goes; None: standard output.
        settings: further fields of `spikeloom.train.config.TrainingSettings`, such as `patience=5` or `device="cuda"`.

    Returns:
        The metrics of all epochs.

    Raises:
        InputError: a setting, network, loader, folder or GPU that cannot be used, too little memory, or numbers that
            are not finite.

    Example:
        >>> import torch
        >>> from spikeloom.nn import LI, LIF, Sequential
        >>> from spikeloom.train import fit
        >>> x = (torch.rand(50, 8, 64) < 0.1).float()  # 50 steps, 8 samples, 64 inputs
        >>> net, batches = Sequential(LIF(64, 32), LI(32, 2)), [(x, torch.arange(8) % 2)]
        >>> history = fit(net, batches, epochs=2)  # doctest: +ELLIPSIS
        epoch 1 of 2  loss ...
        epoch 2 of 2  loss ...
        >>> history.best.epoch
        2
    """
    # A network that comes with weights keeps them.
    own = {"initial_activity": None, "epochs": epochs, "learning_rate": learning_rate, "device": _place_of(net)}
    training = _settings({**own, **settings})
    require(loss in OBJECTIVES, "loss", "a known name", loss, nearest(str(loss), OBJECTIVES))
    model = Foreign(net, loss, training)
    _require_batches("loader", loader)
    if validation is not None:
        _require_batches("validation", validation)
    _require_possible(training, loader, validation, run, resume)
    device = gpu.usable(training.device, gpu.ARGUMENT)
    model.to(device)
    report, known = report or Report(), {"loss": loss, "training": asdict(training)}
    with computing(training), chance.seeded(training.seed, device), Budget(training) as budget:
        if run is None:
            return _run(model, training, _adapted(loader), _adapted(validation), Memory(), report, None, budget)
        with _opened(Path(run), known, resume, report) as folder:
            found, wrong = checkpoint.newest(folder.folder)
            for line in wrong:
                report.line(line)
            folder.rewind(found)
            return _run(model, training, _adapted(loader), _adapted(validation), folder, report, found, budget)


def _run(
    model: Foreign,
    training: TrainingSettings,
    train: Batches,
    validation: Batches | None,
    keeper: Memory | FitFolder,
    report: Report,
    found: Checkpoint | None,
    budget: Budget,
) -> History:
    if isinstance(keeper, FitFolder) and training.tensorboard:
        keeper.show_on_tensorboard()
    loop = Loop(trainer_for(model, training, len(train)), train, validation, keeper, report)
    if found is not None:
        loop.go_on_from(found)
        report.line(f"going on from {found.folder}")
    elif training.initial_activity is not None:
        first = next(iter(train))[0].to(model.device)
        init.scale_to_activity_(model.network, first, training.initial_activity)
    # A loader of another make may cost much to begin, or never give its first batch again.
    if isinstance(train, Loader) and isinstance(model.net, Sequential) and not loop.finished:
        budget.check(model, next(iter(train))[0].to(model.device))
    try:
        best = loop.run()
    except Stopped:
        report.line(f"stopped{keeper.go_on and '; go on with ' + keeper.go_on}")
        return History(keeper.metrics(), None)
    return History(keeper.metrics(), best)


def _opened(folder: Path, known: Mapping[str, Any], resume: bool, report: Report) -> FitFolder:
    """The folder of a training, new or to go on in."""
    if not resume or not folder.exists():
        if resume:
            report.line(f"run folder {folder} does not exist yet: beginning the run")
        return FitFolder.create(folder, json.dumps(known, indent=1))
    opened = FitFolder.open(folder)
    try:
        before = _known(folder / FitFolder.SETTINGS)
        for name, new in {**known["training"], "loss": known["loss"]}.items():
            if name == "device":  # a training may go on elsewhere
                continue
            remedy = "go on with the same settings"
            require(before.get(name) == new, name, f"{before.get(name)}, as {folder} has it", new, remedy)
    except BaseException:
        opened.close()
        raise
    return opened


def _known(file: Path) -> dict[str, Any]:
    """The settings that a training was begun with, by name."""
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        return {**held["training"], "loss": held["loss"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "choose another folder, or put the file back"
        got = f"{type(error).__name__} ({error})"
        raise InputError(f"{file}: expected the settings of a training, got {got}; {remedy}") from error


def _place_of(net: Any) -> str:
    """Where a network is; what is no network, or has no weights, is refused later."""
    weight = next(net.parameters(), None) if isinstance(net, nn.Module) else None
    return "cpu" if weight is None else str(weight.device)


def _settings(given: Mapping[str, Any]) -> TrainingSettings:
    known, kinds = [entry.name for entry in fields(TrainingSettings)], get_type_hints(TrainingSettings)
    for name, value in given.items():
        require(name in known, "setting", "a known key", name, nearest(name, known))
        options = get_args(kinds[name]) or (kinds[name],)
        fits = type(value) in options or (type(value) is int and float in options)
        words = " or ".join("none" if option is type(None) else option.__name__ for option in options)
        require(fits, name, words, repr(value))
    return TrainingSettings(**given)


def _require_possible(
    training: TrainingSettings, loader: Any, validation: Any, run: str | Path | None, resume: bool
) -> None:
    useful = training.patience is None or validation is not None
    require(useful, "patience", "validation batches beside it, to tell which epoch is better", "none")
    require(not resume or run is not None, "resume", "run beside it, the folder of the training", "none")
    known = not resume or isinstance(loader, Loader)
    remedy = "make one with spikeloom.data.loader.Loader"
    require(known, "resume", "a Loader, which can leave out what was trained on", type(loader).__name__, remedy)
    require(not training.tensorboard or run is not None, "tensorboard", "run beside it, a folder for its files", "none")
    if training.tensorboard:
        logs.require_tensorboard()


def _require_batches(name: str, batches: Any) -> None:
    usable = hasattr(batches, "__len__") and hasattr(batches, "__iter__")
    require(usable, name, "something with a length that yields batches anew each time", type(batches).__name__)
    require(len(batches) > 0, name, "at least one batch", "none")


def _adapted(loader: Any) -> Any:
    return loader if loader is None or isinstance(loader, Loader) else _Adapted(loader)


class _Adapted:
    """Any loader, its batches as the loop takes them."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[tuple[Any, Tensor]]:
        return map(batch_of, self._loader)
