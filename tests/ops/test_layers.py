"""Feed-forward and recurrent layers against the reference: every neuron, width, route and surrogate, and the cap."""

import math
from dataclasses import replace
from functools import partial

import pytest
import torch
from engine import ROUTES, assert_as_good_as_reference, run_operators
from oracle import Case, all_surrogates, assert_close, random_case, run_reference
from own_neurons import FOR_ALL_WIDTHS, FOR_KERNELS

from spikeloom import ops, reference
from spikeloom.neurons import Neuron
from spikeloom.surrogates import SuperSpike, Surrogate

every_neuron = pytest.mark.parametrize("neuron", FOR_KERNELS, ids=lambda n: n.name)
some_neurons = pytest.mark.parametrize("neuron", FOR_ALL_WIDTHS, ids=lambda n: n.name)
both_routes = pytest.mark.parametrize("sparse", ROUTES.values(), ids=ROUTES)
both_layers = pytest.mark.parametrize("recurrent", [False, True], ids=["feedforward", "recurrent"])
all_widths = pytest.mark.usefixtures("lanes")


def seeded(count: int = 4, **settings: object) -> list[Case]:
    return [random_case(seed=seed, **settings) for seed in range(count)]  # type: ignore[arg-type]


@every_neuron
@both_layers
@both_routes
def test_layer_is_as_good_as_the_reference(neuron: Neuron, recurrent: bool, sparse: bool) -> None:
    """With learned parameters of each neuron's own; with numbers that stay only some, since that is another kernel."""
    # A gentle surrogate: a steep one turns one rounding of a membrane next to its threshold into the largest error.
    gentle = SuperSpike(1.0)
    for learned in (True, False) if neuron in FOR_ALL_WIDTHS else (True,):
        cases = seeded(neuron=neuron, recurrent=recurrent, bias=learned, per_neuron=learned, surrogate=gentle)
        assert_as_good_as_reference(cases, partial(run_operators, sparse=sparse))


@some_neurons
@both_layers
@both_routes
@all_widths
def test_every_width_is_as_good_as_the_reference(neuron: Neuron, recurrent: bool, sparse: bool) -> None:
    cases = seeded(neuron=neuron, recurrent=recurrent, bias=True, per_neuron=True)
    assert_as_good_as_reference(cases, partial(run_operators, sparse=sparse))


def kept(case: Case) -> torch.Tensor:
    free = run_reference(case.to(torch.float32))
    keep, dropped = reference.cap(free["spikes"], free["window"], max_activity=0.1, seed=7)
    assert dropped > 10
    return keep


@some_neurons
@both_layers
@both_routes
@all_widths
def test_a_cap_leaves_what_the_reference_leaves(neuron: Neuron, recurrent: bool, sparse: bool) -> None:
    # A low threshold, so that a cap has something to drop, whatever the neuron.
    cases = seeded(neuron=neuron, recurrent=recurrent, bias=True, per_neuron=True, batch=5, threshold=0.5)
    run = partial(run_operators, sparse=sparse, limit=ops.capacity(0.1, 65), seed=7)
    assert_as_good_as_reference(cases, run, kept)


@pytest.mark.parametrize("depth", [-0.125, -1.5, -math.inf])
@pytest.mark.parametrize("surrogate", all_surrogates(), ids=lambda s: type(s).__name__)
@both_layers
def test_every_surrogate(surrogate: Surrogate, recurrent: bool, depth: float) -> None:
    cases = seeded(recurrent=recurrent, surrogate=surrogate, depth=depth, steps=12)

    def run(case: Case) -> dict[str, torch.Tensor]:
        results = run_operators(case, sparse=True)
        if "slope" in results:
            # Forward, the surrogate changes nothing but the slopes: SuperSpike tells the margins they were taken at.
            margin = run_operators(replace(case, surrogate=SuperSpike()), sparse=True)["margin"]
            inside = ~margin.isnan()
            want = surrogate.derivative(margin[inside].double()).float()
            assert_close(results.pop("slope")[inside], want, kind="float32", name="slope")
        return results

    assert_as_good_as_reference(cases, run)


@pytest.mark.parametrize("size", [1, 33, 63, 64, 65, 130])
@both_layers
@both_routes
@all_widths
def test_odd_sizes(size: int, recurrent: bool, sparse: bool) -> None:
    # Where few entries are in the window, a steep surrogate would make the largest error a matter of luck.
    settings = {"recurrent": recurrent, "bias": True, "surrogate": SuperSpike(1.0)}
    for inputs, neurons, batch, steps in ((size, 65, 2, 9), (65, size, 9, 4), (size, size, 1, 1)):
        cases = seeded(inputs=inputs, neurons=neurons, batch=batch, steps=steps, **settings)
        assert_as_good_as_reference(cases, partial(run_operators, sparse=sparse))


EXTREMES = {
    "silent": {"activity": 0.0, "per_neuron": True},
    "all inputs spike": {"activity": 1.0},
    # With a reset to zero and a threshold far below, every neuron spikes at every step.
    "all neurons spike": {"threshold": -100.0},
    "all neurons spike without input": {"threshold": -100.0, "activity": 0.0},
}


@pytest.mark.parametrize("name", EXTREMES)
@both_layers
@both_routes
@all_widths
def test_extremes(name: str, recurrent: bool, sparse: bool) -> None:
    cases = seeded(recurrent=recurrent, **EXTREMES[name])
    assert_as_good_as_reference(cases, partial(run_operators, sparse=sparse))
    got = run_operators(cases[0], sparse=sparse)
    if name.startswith("all neurons"):
        assert bool((got["spikes"] == 1).all())
    if name == "silent":
        assert not bool(got["window"].any())


@both_layers
@all_widths
def test_the_gradient_by_an_input_does_not_depend_on_who_else_is_in_the_window(recurrent: bool) -> None:
    case = random_case(recurrent=recurrent, neurons=200)
    near = torch.rand(case.x.shape, generator=torch.Generator().manual_seed(5)) < 0.3
    whole, part = run_operators(case, sparse=True), run_operators(case, sparse=True, near=near)
    wanted = near | (case.x != 0)
    assert torch.equal(part["d_x"], torch.where(wanted, whole["d_x"], 0.0))
    assert torch.equal(part["d_weight"], whole["d_weight"])


@both_layers
def test_inputs_without_gradient_cost_none(recurrent: bool) -> None:
    """No gradient by the inputs is computed where none is wanted; all others are the same bits."""
    case = random_case(recurrent=recurrent, bias=True, neurons=200)
    whole, plain = run_operators(case, sparse=True), run_operators(case, sparse=True, want_input=False)
    assert "d_x" not in plain
    for name, value in plain.items():
        assert torch.equal(value.nan_to_num(), whole[name].nan_to_num()), name


@both_layers
def test_routes_agree_on_spikes(recurrent: bool) -> None:
    case = random_case(recurrent=recurrent, bias=True, neurons=130, inputs=200)
    sparse, dense = (run_operators(case, sparse=route) for route in (True, False))
    assert torch.equal(sparse["spikes"], dense["spikes"])
    assert torch.equal(sparse["window"], dense["window"])


@both_layers
def test_real_valued_inputs(recurrent: bool) -> None:
    cases = seeded(recurrent=recurrent, bias=True)
    for seed, case in enumerate(cases):
        generator = torch.Generator().manual_seed(seed)
        case.x.copy_(torch.randn(case.x.shape, generator=generator).mul_(0.3).float())
    assert_as_good_as_reference(cases, partial(run_operators, sparse=False))
