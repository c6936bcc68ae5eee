"""The cases: what is measured, by name. They are the paper's throughput runs, and what the field publishes."""

import hashlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import torch

from benchmarks import files
from benchmarks.case import Case
from spikeloom.bench import host, problem
from spikeloom.bench.cases import CASES as SHAPES
from spikeloom.bench.cases import Case as Shape
from spikeloom.bench.cases import Workload
from spikeloom.checks import require

PERCENT = (0.5, 1, 1.5, 2, 2.5, 5, 10, 20, 25, 50)
"""The paper's sweep of activities, and the 1.5 % at which most libraries have been measured."""

INPUT_CAPS = {"nmnist": 1.4, "dvs": 2.1, "shd": 6.9}
"""Input activity in percent, as the paper's caps leave it."""

PAPER_NEURONS = 2942
"""The paper's neurons in all layers, the readout's among them."""

TILE_LAYER = 980
"""Neurons of a layer in the sweep over neurons, where the paper puts 2 to 32 on each of 1,471 tiles."""


@dataclass(frozen=True)
class Spec:
    """A case before it is made.

    Args:
        name: `FAMILY/...`, what is varied in it.
        workload: shapes, activities and neurons; no classes for a network without readout.
        optimizer: "adam" or "sgd".
        gaussian: the input is numbers of a normal distribution and not spikes.
        memory: whether memory is measured too.
        demanded: whether a figure that the project promises hangs on it.
        sweep: whether it is one of many alike, in which only contenders run unless others are asked for.
        only: implementations, as patterns by commas, where more would not fit into memory at once; "*" for all.
    """

    name: str
    workload: Workload
    optimizer: str = "adam"
    gaussian: bool = False
    memory: bool = False
    demanded: bool = False
    sweep: bool = False
    only: str = "*"

    @property
    def family(self) -> str:
        """The first part of the name: the file that its rows are in."""
        return self.name.partition("/")[0]


def split_evenly(layers: int, classes: int) -> tuple[int, ...]:
    """The paper's neurons, split over so many hidden layers: 1466-1466 for two."""
    return ((PAPER_NEURONS - classes) // layers,) * layers


def _paper(kind: str, shape: str, layers: int, percent: float) -> Spec:
    own = SHAPES[shape]
    of_input = INPUT_CAPS[shape] if kind == "a" else percent
    work = Workload(own, of_input / 100, percent / 100, hidden=split_evenly(layers, 10))
    key = layers == 2 and ((kind == "b" and percent in (0.5, 1.5)) or (kind == "a" and percent == 2))
    return Spec(
        f"paper-layers-{kind}/{shape}/{layers}/{percent:g}",
        work,
        memory=key and kind == "b",
        demanded=key or (layers == 2 and kind == "a"),
        sweep=not key,
    )


def paper_layers() -> list[Spec]:
    """The paper's: (b) input and hidden layers equally active, (a) input at its cap; 2 to 5 hidden layers."""
    return [
        _paper(kind, shape, layers, percent)
        for layers in (2, 3, 4, 5)
        for kind in ("b", "a")
        for shape in SHAPES
        for percent in PERCENT
    ]


def neurons() -> list[Spec]:
    """The paper's sweep: a batch of 24, 10 steps, SGD, 3 to 48 equal layers of 980 neurons, all at 1.5 %."""
    found = []
    for layers in (3, 6, 12, 24, 48):
        shape = Shape("neurons", inputs=24 * 24 * 2, steps=10, classes=10)
        work = Workload(shape, hidden=(TILE_LAYER,) * layers, batch=24, chain=True)
        total = layers * TILE_LAYER + shape.classes
        deepest = layers == 48
        found.append(Spec(f"neurons/{total}", work, optimizer="sgd", memory=True, demanded=deepest, sweep=not deepest))
    return found


def onm() -> list[Spec]:
    """One Linear(n, n) and LIF without readout, 500 steps, a batch of 16; neurons as active as a Bernoulli input.

    Gaussian input: neurons at 5 %. SGD: the published benchmark has no optimiser.
    """
    found = []
    for n in (512, 1024, 2048, 4096):
        shape = Shape("onm", inputs=n, steps=500, classes=0)
        dense = Workload(shape, 1.0, 0.05, hidden=(n,), batch=16)
        found.append(Spec(f"onm/{n}/gaussian", dense, optimizer="sgd", gaussian=True, demanded=n in (512, 2048)))
        for percent in (0.5, 1, 2, 5, 10):
            work = replace(dense, activity=percent / 100, hidden_activity=percent / 100)
            found.append(Spec(f"onm/{n}/{percent:g}", work, optimizer="sgd", sweep=True))
    return found


def recurrent() -> list[Spec]:
    """700-1024 recurrent-20 at 2 %."""
    found = []
    for steps, batch in ((250, 128), (100, 48), (100, 128), (250, 48)):
        work = Workload(Shape("recurrent", 700, steps, 20), 0.02, 0.02, recurrent=True, hidden=(1024,), batch=batch)
        main = (steps, batch) == (250, 128)
        found.append(Spec(f"recurrent/{steps}/{batch}", work, memory=main, demanded=main, sweep=not main))
    return found


def small_nets() -> list[Spec]:
    """ssbp: 700-200-200-20 over 500 steps, and spyx-shd: 128-128-128-20 over 256, both with batches of 256."""
    found = []
    for name, inputs, steps, neurons in (("ssbp", 700, 500, 200), ("spyx-shd", 128, 256, 128)):
        shape = Shape(name, inputs, steps, 20)
        for percent in (2, 1, 5, 10):
            work = Workload(shape, percent / 100, percent / 100, hidden=(neurons, neurons), batch=256)
            main = percent == 2
            found.append(Spec(f"{name}/{percent}", work, memory=main, demanded=main, sweep=not main))
    return found


def steps() -> list[Spec]:
    """The shape of N-MNIST at 1.5 % over more and fewer steps: how memory grows."""
    shapes = [replace(SHAPES["nmnist"], steps=count) for count in (25, 50, 100, 200, 400)]
    return [Spec(f"steps/{shape.steps}", Workload(shape), memory=True, sweep=shape.steps != 100) for shape in shapes]


def every(*, demanded_first: bool = True) -> list[Spec]:
    """All cases, those that a promise hangs on first unless told otherwise."""
    found = [*paper_layers(), *recurrent(), *small_nets(), *neurons(), *onm(), *steps()]
    return sorted(found, key=lambda spec: demanded_first and not spec.demanded)


def select(wanted: str, available: Sequence[Spec] | None = None) -> list[Spec]:
    """The cases that are asked for.

    Args:
        wanted: names, beginnings of names or patterns with `*`, between commas; "demanded" for those that a promise
            hangs on, "all" for all.
        available: of which; None for those of `every`.

    Raises:
        InputError: a part of it that is no case's.
    """
    found: list[Spec] = []
    for part in (part.strip() for part in wanted.split(",")):
        matching = [spec for spec in (every() if available is None else available) if _matches(spec, part)]
        require(len(matching) > 0, "CASE", "a case, the beginning of its name or a pattern", repr(part), "see --list")
        found += [spec for spec in matching if spec not in found]
    return found


def _matches(spec: Spec, part: str) -> bool:
    if part in ("all", "demanded"):
        return part == "all" or spec.demanded
    return spec.name == part or spec.name.startswith(part + "/") or fnmatchcase(spec.name, part)


@torch.no_grad()
def make(spec: Spec, device: str = "cpu") -> Case:
    """Draw input, labels and weights, and scale these until every hidden layer spikes as often as stated.

    Args:
        spec: which case.
        device: where layers are run to find their factors; the case lies on the CPU in any event.

    Raises:
        InputError: a layer's activity misses what was stated by more than a fifth.
    """
    with host.one_thread():
        return _made(spec, device).on("cpu")


def _made(spec: Spec, device: str) -> Case:
    work, generator = spec.workload, torch.Generator().manual_seed(spec.workload.seed)
    shape = (work.case.steps, work.batch, work.case.inputs)
    if spec.gaussian:
        x = torch.randn(shape, generator=generator)
    else:
        x = (torch.rand(shape, generator=generator) < work.activity).float()
    layers, last = problem.scaled_layers(x.to(device), work, generator)
    classes = work.case.classes
    return Case(
        name=spec.name,
        x=x,
        binary=not spec.gaussian,
        labels=torch.randint(max(classes, 1), (work.batch,), generator=generator),
        weights=tuple(layer.weight for layer in layers),
        recurrent=tuple(layer.recurrent for layer in layers),
        readout=problem.scaled_readout(last, work, generator) if classes else None,
        beta=work.beta,
        readout_beta=work.readout_beta,
        gain=work.gain,
        threshold=work.threshold,
        second_threshold=work.second_threshold,
        slope=work.slope,
        optimizer=spec.optimizer,
        activity=tuple(layer.activity for layer in layers),
    )


def made(spec: Spec, folder: Path, device: str = "cpu") -> Path:
    """The file of a case, made if the folder has it not yet; a case that is made otherwise now has another file."""
    what = (repr((spec.workload, spec.optimizer, spec.gaussian)), inspect.getsource(problem), inspect.getsource(_made))
    digest = hashlib.sha256("".join(what).encode()).hexdigest()[:12]
    path = folder / f"{spec.name.replace('/', '-')}-{digest}.pt"
    if not path.is_file():
        files.save(make(spec, device), path)
    return path
