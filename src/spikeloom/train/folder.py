"""The folder that a run leaves behind, whatever made it: settings, metrics, weights and checkpoints."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import safetensors.torch
from torch import Tensor, nn

import spikeloom.train.metrics as metrics_file
from spikeloom.checks import InputError, require
from spikeloom.train import checkpoint, files, logs
from spikeloom.train.lock import OWNER, Lock
from spikeloom.train.metrics import Metrics

METRICS, MODEL = "metrics.jsonl", "model.safetensors"


class RunFolder:
    """The folder of a run that this process, and no other, writes to.

    Args:
        folder: it exists.
        lock: on the folder.
    """

    def __init__(self, folder: Path, lock: Lock) -> None:
        self.folder, self._lock = folder, lock
        self._board: logs.TensorBoard | None = None

    @property
    def go_on(self) -> str:
        """How to go on with this run."""
        return f"spikeloom train --run {self.folder} --resume"

    def record(self, metrics: Metrics) -> None:
        """Add a line to metrics.jsonl, and to what is made from it.

        Raises:
            InputError: it cannot be written.
        """
        path = self.folder / METRICS
        with self._writing("metrics"):
            metrics_file.append(path, metrics)
            logs.write_csv(self.folder, metrics_file.read(path))
            if self._board is not None:
                self._board.add(metrics)

    def show_on_tensorboard(self) -> None:
        """From now on, and from the first line on, metrics go to TensorBoard too.

        Raises:
            InputError: tensorboard is not installed.
        """
        with self._writing("metrics for TensorBoard"):
            self._board = logs.TensorBoard(self.folder, self.metrics())

    def metrics(self) -> list[Metrics]:
        """The lines recorded so far."""
        return metrics_file.read(self.folder / METRICS)

    def save_weights(self, network: nn.Module, metadata: dict[str, str]) -> None:
        """Write the weights; a file that stands there is replaced as a whole or not at all.

        Raises:
            InputError: it cannot be written.
        """
        weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
        content = safetensors.torch.save(weights, metadata)
        with self._writing("weights"):
            files.replace(self.folder / MODEL, content)

    def write_checkpoint(self, step: int, tensors: dict[str, Tensor], state: dict[str, Any], keep: int) -> None:
        """Write a checkpoint, which says how long metrics.jsonl is, and delete old ones.

        Raises:
            InputError: it cannot be written; earlier ones stay.
        """
        path = self.folder / METRICS
        state = state | {"metrics_bytes": path.stat().st_size if path.exists() else 0}
        checkpoint.write(self.folder, step, tensors, state, keep=keep, go_on=self.go_on)

    def rewind(self, found: checkpoint.Checkpoint | None) -> None:
        """Take back what was recorded after a checkpoint; everything, where there is none.

        Raises:
            InputError: metrics.jsonl is shorter than it was then.
        """
        path, wanted = self.folder / METRICS, 0 if found is None else int(found.state["metrics_bytes"])
        size = path.stat().st_size if path.exists() else 0
        remedy = "the file has been changed since the checkpoint: put it back"
        require(size >= wanted, str(path), f"at least {wanted} bytes", size, remedy)
        if not path.exists():
            return
        with self._writing("metrics"):
            os.truncate(path, wanted)
            logs.write_csv(self.folder, self.metrics())

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        with files.writing(what, self.folder, f"what was saved before is whole: make room, then {self.go_on}"):
            yield

    def close(self) -> None:
        """Let other processes write."""
        if self._board is not None:
            self._board.close()
        self._lock.release(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def create(folder: Path, name: str, text: str) -> Lock:
    """Make a run folder with a file of settings in it, at once or not at all.

    Args:
        folder: must not exist; the folders above it are made.
        name: the file's.
        text: its content.

    Returns:
        The lock on the folder.

    Raises:
        InputError: the folder exists, or cannot be made.
    """
    require_new(folder)
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        files.write(partial / name, text.encode())
        # The lock holds, too, when the folder has got its name.
        lock = Lock(partial / name, folder)
        os.rename(partial, folder)
        files.sync_folder(folder.parent)
        # What a killed process left; one that is still at it would find that the folder exists.
        for left in folder.parent.glob(f".{folder.name}.partial-*"):
            _remove(left, name)
    except OSError as error:
        _remove(partial, name)
        require_new(folder)
        raise InputError(f"{folder}: expected to make this folder, got {error.strerror}") from error
    return lock


def require_new(folder: Path) -> None:
    """Raise if a run folder exists.

    Raises:
        InputError: it does.
    """
    remedy = "choose another with --run (run=), or go on with that run: --resume (resume=True)"
    require(not folder.exists(), "run folder", "one that does not exist yet", folder, remedy)


def _remove(partial: Path, name: str) -> None:
    with suppress(OSError):
        for file in (name, OWNER):
            (partial / file).unlink(missing_ok=True)
        partial.rmdir()
