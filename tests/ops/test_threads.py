"""The same bits on any number of threads: outputs and gradients of every operator."""

from collections.abc import Iterator

import pytest
import torch
from engine import ROUTES, run_operators
from ops.readouts import problem, run_operator
from oracle import random_case
from own_neurons import QUADRATIC

from spikeloom.neurons import Neuron, lif


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("neuron", [lif.neuron(), QUADRATIC], ids=lambda n: n.name)
@pytest.mark.parametrize("recurrent", [False, True], ids=["feedforward", "recurrent"])
@pytest.mark.parametrize("sparse", ROUTES.values(), ids=ROUTES)
@pytest.mark.parametrize(("neurons", "batch"), [(300, 3), (65, 20), (1, 2)])
def test_layers(neuron: Neuron, recurrent: bool, sparse: bool, neurons: int, batch: int) -> None:
    sizes = {"neurons": neurons, "batch": batch, "inputs": 150}
    case = random_case(neuron=neuron, recurrent=recurrent, bias=True, per_neuron=True, **sizes)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(run_operators(case, sparse=sparse, cut=9, limit=9 if neurons > 9 else 0, seed=3))
    for other in results[1:]:
        for name, value in results[0].items():
            assert torch.equal(value.nan_to_num(), other[name].nan_to_num()), name


@pytest.mark.parametrize("sparse", ROUTES.values(), ids=ROUTES)
@pytest.mark.parametrize("outputs", [10, 300])
def test_readout(sparse: bool, outputs: int) -> None:
    given = problem(inputs=200, outputs=outputs, batch=20, steps=10, seed=0)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(run_operator(given, sparse=sparse))
    for other in results[1:]:
        for name, value in results[0].items():
            assert torch.equal(value, other[name]), name
