"""`spikeloom bench neurons`: a layer's step of every neuron beside that of the leaky integrate-and-fire neuron."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from statistics import median

import torch
from rich import box
from rich.console import Console
from rich.table import Table

from spikeloom import neurons, nn
from spikeloom.bench import host
from spikeloom.bench.cases import CASES
from spikeloom.checks import require
from spikeloom.neurons import KINDS, Neuron
from spikeloom.spikes import Spikes

BATCH, NEURONS = 48, {False: 1466, True: 512}
ROUNDS = 15
LEARNED = ("beta", "rho", "a", "b")
BASE, OWN = "lif", "se_adlif, your own"


@dataclass(frozen=True)
class Cost:
    """What a layer of a neuron takes.

    Args:
        neuron: which.
        first_s: the first step, with nothing in the cache of kernels: tracing and compiling.
        activity: of its neurons.
        ms: a forward and a backward pass, the median.
        ratio: of that to the leaky integrate-and-fire neuron's, the median over the rounds.
        keeps: what it keeps of every neuron and step beside bits and window entries.
    """

    neuron: str
    first_s: float
    activity: float
    ms: float
    ratio: float
    keeps: tuple[str, ...]


def run(case: str, activity: float, recurrent: bool, threads: int | None, as_json: bool) -> int:
    """Measure all neurons and print what was measured.

    Args:
        case: a name in `CASES`: its input and its steps.
        activity: the fraction of inputs, and of neurons, that spike in a step.
        recurrent: a recurrent layer of 512 neurons, instead of one of 1,466 that is not.
        threads: None for all processors.
        as_json: print one line of JSON, alone on standard output, instead of a table.

    Returns:
        The exit status, 0.

    Raises:
        InputError: an argument out of its range.
    """
    threads = host.cores() if threads is None else threads
    require(threads >= 1, "threads", "at least 1", threads)
    require(0 < activity < 1, "activity", "a number above 0 and below 1", activity)
    costs = host.call_flushed(threads, measure, case, activity, recurrent)
    if as_json:
        print(json.dumps({"processor": host.processor(), "threads": threads, "costs": [asdict(c) for c in costs]}))
    else:
        _print(costs, f"{CASES[case].inputs}-{NEURONS[recurrent]}{' recurrent' * recurrent}", threads)
    return 0


def measure(case: str, activity: float, recurrent: bool, *, rounds: int = ROUNDS) -> list[Cost]:
    """Measure layers of every neuron in turns, at equal sizes, input and activity."""
    shape = CASES[case]
    x = Spikes.from_dense((torch.rand(shape.steps, BATCH, shape.inputs) < activity).float())
    layers = dict(_layers(shape.inputs, NEURONS[recurrent], recurrent))
    steps = {name: _step(layer, x) for name, layer in layers.items()}
    with _empty_cache():
        first = {name: _seconds(step) for name, step in steps.items()}
    for layer in layers.values():
        nn.init.scale_to_activity_(nn.Sequential(layer), x, activity)
    seconds: dict[str, list[float]] = {name: [] for name in layers}
    for _ in range(rounds):
        for name, step in steps.items():
            seconds[name].append(_seconds(step))
    return [
        Cost(
            name,
            first[name],
            layer.last_activity,
            1e3 * median(seconds[name]),
            median(a / b for a, b in zip(seconds[name], seconds[BASE], strict=True)),
            layer.keeps,
        )
        for name, layer in layers.items()
    ]


def _layers(inputs: int, size: int, recurrent: bool) -> Iterator[tuple[str, nn.Spiking]]:
    def layer(neuron: Neuron, learn: tuple[str, ...] = ()) -> nn.Spiking:
        return nn.Spiking(inputs, size, neuron=neuron, recurrent=recurrent, learn=learn, sparse=True)

    for name, kind in sorted(KINDS.items(), key=lambda item: item[0] != BASE):
        yield name, layer(kind("zero"))
    own = replace(neurons.named("se_adlif"), name="own", step=_own_step)
    yield OWN, layer(own)
    yield f"{BASE}, learning beta", layer(neurons.named(BASE), ("beta",))
    yield f"se_adlif, learning {', '.join(LEARNED)}", layer(neurons.named("se_adlif"), LEARNED)


def _step(layer: nn.Spiking, x: Spikes) -> Callable[[], None]:
    def step() -> None:
        layer.zero_grad()
        spikes, _ = layer(x)
        spikes.active.sum().backward()

    return step


def _seconds(step: Callable[[], None]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


@contextmanager
def _empty_cache() -> Iterator[None]:
    """While open, compiled kernels are looked for, and kept, in a folder that begins empty."""
    before = os.environ.get("SPIKELOOM_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SPIKELOOM_CACHE"] = folder
        try:
            yield
        finally:
            del os.environ["SPIKELOOM_CACHE"]
            if before is not None:
                os.environ["SPIKELOOM_CACHE"] = before


def _print(costs: list[Cost], layer: str, threads: int) -> None:
    table = Table(title=f"a layer {layer}, forward and backward, {threads} threads", box=box.SIMPLE)
    for name in ("neuron", "ms", "of LIF's", "activity", "first step, s", "keeps beside bits and window"):
        table.add_column(name, justify="left" if name in ("neuron", "keeps beside bits and window") else "right")
    for cost in costs:
        numbers = (f"{cost.ms:.1f}", f"{cost.ratio:.2f}", f"{cost.activity:.2%}", f"{cost.first_s:.1f}")
        table.add_row(cost.neuron, *numbers, ", ".join(cost.keeps))
    Console().print(table)


def _own_step(state, spike, current, p):  # type: ignore[no-untyped-def]
    """SE-adLIF as a user would write it down."""
    u, w = state
    beta, rho, a, b, gain, threshold = p
    u = u * (1 - neurons.detach(spike))
    w = rho * w + (1 - rho) * (a * u + b * spike)
    u = beta * u + gain * current - (1 - beta) * w
    return (u, w), u - threshold
