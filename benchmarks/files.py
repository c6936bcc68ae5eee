"""A case as a file, which processes of any environment can read."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.case import Case

TINY = {"steps": 4, "batch": 2, "neurons": 64}


def save(case: Case, path: Path) -> None:
    """Write a case; spikes take a byte each.

    A reader never sees half a file: it gets its name when it is whole.
    """
    content: dict[str, Any] = {field.name: getattr(case, field.name) for field in fields(case)}
    if case.binary:
        content["x"] = case.x.bool()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(content, part)
    part.replace(path)


def load(path: Path) -> Case:
    """Read a case."""
    content = torch.load(path, weights_only=True)
    content["x"] = content["x"].float()
    return Case(**content)


def tiny(case: Case) -> Case:
    """A corner of a case, with the same layers of fewer neurons: enough to have all code of a step run once."""
    steps, batch, most = TINY["steps"], TINY["batch"], TINY["neurons"]
    return replace(
        case,
        x=case.x[:steps, :batch, :most].clone(),
        labels=case.labels[:batch].clone(),
        weights=tuple(w[:most, :most].clone() for w in case.weights),
        recurrent=tuple(None if v is None else v[:most, :most].clone() for v in case.recurrent),
        readout=None if case.readout is None else case.readout[:, :most].clone(),
    )
