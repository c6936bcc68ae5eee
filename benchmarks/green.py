"""Before anything is timed: our own adapters' losses and gradients on small cases, against the reference in float64."""

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks import cases
from benchmarks.case import Case
from benchmarks.cases import Spec
from spikeloom import reference
from spikeloom.bench.cases import Case as Shape
from spikeloom.bench.cases import Workload
from spikeloom.checks import require
from spikeloom.neurons import lif
from spikeloom.surrogates import SuperSpike

TOLERANCE = {"fp32": 1e-4, "bf16": 0.25}
"""How far gradients may lie off, as a fraction of their length. With bf16 sums a membrane at its threshold may spike on
one side alone, which takes whole entries with it; a wrong gradient is off by about 1 or more."""


def small_cases() -> list[Case]:
    """A case of each kind: feed-forward, recurrent, and without readout; weights are exact in bf16."""
    work = Workload(Shape("small", 70, 12, 3), 0.2, 0.1, hidden=(96, 130), batch=6)
    bare = replace(work, case=replace(work.case, classes=0), hidden=(96,))
    made = {"feed-forward": work, "recurrent": replace(work, recurrent=True), "without readout": bare}
    return [_exact(cases.make(Spec(name, one))) for name, one in made.items()]


def red(names: Sequence[str], device: str = "cpu") -> dict[str, str]:
    """Which implementations must not be timed, and why.

    Args:
        names: of adapters that have a `check` and run in this environment.
        device: where they shall run.
    """
    found: dict[str, str] = {}
    for case in small_cases():
        wanted = of_reference(case)
        for name in names:
            try:
                compare(name, case.on(device), wanted)
            except Exception as failure:
                found.setdefault(name, f"red: {failure}")
    return found


def compare(name: str, case: Case, wanted: tuple[float, list[Tensor]]) -> None:
    """Compare one implementation's loss and gradients on a case with those wanted.

    Raises:
        InputError: they are too far off.
    """
    adapter = import_module(f"benchmarks.peers.{name}")
    if adapter.supports(case) is not None:
        return
    told = adapter.build(case).check
    require(told is not None, name, "an adapter with a check", "None")
    loss, gradients = told()
    allowed = TOLERANCE[adapter.NUMBER_TYPE]
    errors = [abs(loss - wanted[0]) / wanted[0]]
    for got, want in zip(gradients, wanted[1], strict=True):
        errors.append(float((got.double().cpu() - want).norm() / want.norm()))
    expected = f"loss and gradients within {allowed:g} of the reference's"
    require(max(errors) <= allowed, f"{name} on a {case.name} network", expected, f"off by {max(errors):.2g}")


def of_reference(case: Case) -> tuple[float, list[Tensor]]:
    """The reference's loss, and its gradients by all weights in the order that `Built.check` has."""
    weights = [w.double().requires_grad_() for w in case.weights]
    within = [None if v is None else v.double().requires_grad_() for v in case.recurrent]
    settings: dict[str, Any] = {
        "neuron": lif.neuron("zero"),
        "parameters": (case.beta, case.gain, case.threshold),
        "depth": case.second_threshold - case.threshold,
        "surrogate": SuperSpike(case.slope),
    }
    x = case.x.double()
    for weight, recurrent in zip(weights, within, strict=True):
        if recurrent is None:
            x = reference.feedforward(x, weight, **settings)[0]
        else:
            x = reference.recurrent(x, weight, recurrent, **settings)[0]
    readout = None if case.readout is None else case.readout.double().requires_grad_()
    if readout is None:
        loss = x.mean()
    else:
        out, _ = reference.readout(x, readout, beta=case.readout_beta, gain=case.gain)
        loss = F.cross_entropy(out.sum(0), case.labels)
    trained = [w for w in (*weights, *within, readout) if w is not None]
    return loss.item(), list(torch.autograd.grad(loss, trained))


def _exact(case: Case) -> Case:
    """The case with its weights rounded to multiples of 1/64, of which bf16 holds those up to 4."""

    def rounded(weight: Tensor) -> Tensor:
        return (weight * 64).round().clamp(-256, 256) / 64

    return replace(
        case,
        weights=tuple(map(rounded, case.weights)),
        recurrent=tuple(None if v is None else rounded(v) for v in case.recurrent),
        readout=None if case.readout is None else rounded(case.readout),
    )
