"""The same bits on any number of threads: outputs and gradients of every operator."""

from collections.abc import Iterator

import pytest
import torch
from engine import ROUTES, assert_as_good_as_reference, run_operators
from ops.readouts import problem, run_operator
from oracle import Case, random_case
from own_neurons import QUADRATIC

from spikeloom.neurons import Neuron, lif
from spikeloom.ops import arrays
from spikeloom.surrogates import SuperSpike


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


@pytest.mark.parametrize(
    ("neurons", "batch", "steps", "chunks"),
    [(65, 20, 130, 4), (65, 45, 250, 8), (130, 7, 1300, 6), (600, 30, 170, 3), (600, 2, 2500, 2)],
)
@pytest.mark.parametrize("want_input", [True, False], ids=["input", "no_input"])
def test_several_chunks_of_samples(neurons: int, batch: int, steps: int, chunks: int, want_input: bool) -> None:
    """Also where a sample alone has more rows than a chunk should, and where all groups have several chunks."""
    blocks = arrays.blocks_of(neurons)
    bounds = arrays.chunk_bounds(arrays.sample_groups(blocks, batch), batch, steps)
    assert len(bounds) - 1 == chunks
    case = random_case(neurons=neurons, batch=batch, steps=steps, inputs=30, bias=True, per_neuron=True)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(run_operators(case, sparse=True, want_input=want_input))
    for other in results[1:]:
        for name, value in results[0].items():
            assert torch.equal(value.nan_to_num(), other[name].nan_to_num()), name


@pytest.mark.parametrize("recurrent", [False, True], ids=["feedforward", "recurrent"])
def test_several_chunks_are_as_good_as_the_reference(recurrent: bool) -> None:
    settings = {"batch": 25, "steps": 120, "inputs": 30, "neurons": 530, "surrogate": SuperSpike(1.0)}
    bounds = arrays.chunk_bounds(arrays.sample_groups(9, 25), 25, 120)
    assert len(bounds) - 1 == 2
    cases = [random_case(seed=seed, recurrent=recurrent, bias=True, per_neuron=True, **settings) for seed in range(2)]  # type: ignore[arg-type]
    assert_as_good_as_reference(cases, on_two_threads)


def on_two_threads(case: Case) -> dict[str, torch.Tensor]:
    """The operators alone: the reference's thousands of small steps wait for each other longer than they run."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        return run_operators(case, sparse=True)
    finally:
        torch.set_num_threads(before)


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
