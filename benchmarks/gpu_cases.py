"""The cases of a GPU, the most important first: a machine with one may be there for half an hour.

Feed-forward networks are the paper's throughput runs with all layers equally active, by shape, batch and activity in
percent; recurrent ones have one layer of N neurons behind 700 inputs at 1 %, by N, batch and activity.
"""

from benchmarks.cases import Spec, split_evenly
from spikeloom.bench.cases import CASES as SHAPES
from spikeloom.bench.cases import Case as Shape
from spikeloom.bench.cases import Workload

INPUT_ACTIVITY = 0.01
"""Of those in front of recurrent layers."""

LARGE = 16384
FEW = "ours_sparse*,ours_*_bf16_graph,torch_per_step_graph,torch_per_step_compile*_graph,torch_expert*_graph"
"""With so many neurons weights, gradients and moments take 4.3 GB: these are the fastest of each kind."""


def feedforward(shape: str, batch: int, percent: float, *, sweep: bool = False) -> Spec:
    """The paper's network of two hidden layers on a shape."""
    rate = percent / 100
    work = Workload(SHAPES[shape], rate, rate, hidden=split_evenly(2, 10), batch=batch)
    return Spec(f"gpu-ff/{shape}/{batch}/{percent:g}", work, demanded=True, sweep=sweep)


def recurrent(neurons: int, batch: int, percent: float) -> Spec:
    """700 inputs, one layer of so many neurons that all hear each other, 20 classes, over 100 steps.

    A large layer that hears itself more than its input is silent or in uproar, and nothing between.
    """
    shape = Shape("gpu", 700, 100, 20)
    work = Workload(shape, INPUT_ACTIVITY, percent / 100, recurrent=True, hidden=(neurons,), batch=batch)
    only = FEW if neurons >= LARGE else "*"
    return Spec(f"gpu-recurrent/{neurons}/{batch}/{percent:g}", work, demanded=True, sweep=True, only=only)


def every() -> list[Spec]:
    """All of them, in the order in which they are measured."""
    return [
        feedforward("nmnist", 48, 1),
        recurrent(1470, 48, 1),
        recurrent(16384, 1, 1),
        recurrent(8192, 8, 0.2),
        feedforward("nmnist", 48, 0.5, sweep=True),
        feedforward("nmnist", 256, 1),
        feedforward("shd", 48, 1),
        feedforward("dvs", 48, 1),
        # Where our own choice should turn to the dense route.
        *(feedforward("nmnist", 48, percent, sweep=True) for percent in (5, 25, 2, 10)),
        *(feedforward(shape, 48, 0.5, sweep=True) for shape in ("shd", "dvs")),
        *(feedforward(shape, 256, 1) for shape in ("shd", "dvs")),
        *(feedforward(shape, 256, 0.5, sweep=True) for shape in SHAPES),
        recurrent(1470, 48, 0.5),
        recurrent(16384, 1, 0.5),
    ]
