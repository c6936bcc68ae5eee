"""Checkpoints on disk: a folder for each, `checkpoints/<training step>`, that is there as a whole or not at all.

A folder holds `state.safetensors`, the tensors, and `state.json`, everything else and a digest of both.
"""

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from spikeloom.checks import InputError
from spikeloom.train import files

FOLDER, TENSORS, STATE = "checkpoints", "state.safetensors", "state.json"
FORMAT = 1
"""Goes up when the content of a checkpoint changes its meaning."""

# Names of folders on their way: being written, being replaced, being deleted.
PARTIAL, REPLACED, GONE = ".partial-", ".replaced-", ".gone-"


@dataclass(frozen=True)
class Checkpoint:
    """What was saved.

    Args:
        folder: the checkpoint's own.
        tensors: by name.
        state: everything else, as JSON has it.
    """

    folder: Path
    tensors: dict[str, Tensor]
    state: dict[str, Any]


class _TornError(Exception):
    """A checkpoint that is not whole."""


def write(run: Path, step: int, tensors: dict[str, Tensor], state: dict[str, Any], *, keep: int, go_on: str) -> None:
    """Write a checkpoint, then delete all but the last ones.

    Args:
        run: the run's folder.
        step: training steps done.
        tensors: by name.
        state: everything else, as JSON has it.
        keep: how many of the last checkpoints stay, this one included; at least 1.
        go_on: how to go on with the run after a failure, for the error.

    Raises:
        InputError: the disk is full, or the folder cannot be written; earlier checkpoints stay.
    """
    folder, name = run / FOLDER, f"{step:08d}"
    partial = folder / (PARTIAL + name)
    content = safetensors.torch.save({key: value.contiguous() for key, value in tensors.items()})
    whole = {"digest": _digest(state, content), "format": FORMAT, "state": state}
    remedy = f"earlier checkpoints are whole: make room, then go on with {go_on}"
    with files.writing("a checkpoint", folder, remedy):
        try:
            folder.mkdir(exist_ok=True)
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            files.write(partial / TENSORS, content)
            files.write(partial / STATE, json.dumps(whole, allow_nan=False).encode())
            files.sync_folder(partial)
            _move(partial, folder / name)
            files.sync_folder(folder)
        except OSError:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    # Later ones are torn: a run that goes on from an earlier one writes them again.
    for old in [path for path in _all(run) if path.name <= name][:-keep]:
        _delete(old)


def newest(run: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint that is whole, and what was wrong with each that is newer.

    What killed writes left behind is put right. None where there is no checkpoint.

    Raises:
        InputError: there are checkpoints, and none is whole; or one was written by another version.
    """
    _tidy(run)
    wrong: list[str] = []
    for folder in reversed(_all(run)):
        try:
            return _read(folder), wrong
        except _TornError as reason:
            wrong.append(f"checkpoint {folder} is not whole: {reason}")
    if wrong:
        remedy = f"delete {run / FOLDER} to begin the run anew"
        raise InputError(f"{run / FOLDER}: expected a checkpoint that is whole, got none ({wrong[0]}); {remedy}")
    return None, []


def _read(folder: Path) -> Checkpoint:
    try:
        content = (folder / TENSORS).read_bytes()
        whole = json.loads((folder / STATE).read_bytes())
        written, state, digest = whole["format"], whole["state"], whole["digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _TornError(getattr(error, "strerror", None) or error) from error
    if written != FORMAT:
        remedy = "go on with the version of spikeloom that wrote it"
        raise InputError(f"{folder}: expected a checkpoint of format {FORMAT}, got {written}; {remedy}")
    if digest != _digest(state, content):
        raise _TornError("its digest does not fit")
    try:
        return Checkpoint(folder, safetensors.torch.load(content), state)
    except SafetensorError as error:
        raise _TornError(error) from error


def _digest(state: dict[str, Any], content: bytes) -> str:
    return hashlib.sha256(json.dumps(state).encode() + content).hexdigest()


def _all(run: Path) -> list[Path]:
    """The checkpoints, oldest first."""
    folder = run / FOLDER
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if re.fullmatch(r"\d{8,}", path.name))


def _move(partial: Path, final: Path) -> None:
    """Put a folder in its place, where another may stand: one of them is there at any moment."""
    if not final.exists():
        os.replace(partial, final)
        return
    before = final.with_name(REPLACED + final.name)
    shutil.rmtree(before, ignore_errors=True)
    os.replace(final, before)
    os.replace(partial, final)
    shutil.rmtree(before, ignore_errors=True)


def _delete(folder: Path) -> None:
    """Delete a checkpoint; killed half way, it leaves no folder that looks like one."""
    gone = folder.with_name(GONE + folder.name)
    shutil.rmtree(gone, ignore_errors=True)
    try:
        os.replace(folder, gone)
    except OSError:
        # It stays, and does no harm.
        return
    shutil.rmtree(gone, ignore_errors=True)


def _tidy(run: Path) -> None:
    folder = run / FOLDER
    for replaced in folder.glob(REPLACED + "*"):
        final = folder / replaced.name.removeprefix(REPLACED)
        if not final.exists():
            os.replace(replaced, final)
    for prefix in (PARTIAL, REPLACED, GONE):
        for left in folder.glob(prefix + "*"):
            shutil.rmtree(left, ignore_errors=True)
