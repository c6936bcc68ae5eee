"""Feed-forward and recurrent layers on a GPU, or in Triton's interpreter, against the reference; see tests/ops."""

import math
from functools import partial

import pytest
import torch
from engine import ROUTES, assert_as_good_as_reference, bits, run_operators
from oracle import Case, all_surrogates, assert_close, random_case, run_reference
from own_neurons import FOR_ALL_WIDTHS, FOR_KERNELS

from spikeloom import ops, reference
from spikeloom.neurons import Neuron
from spikeloom.surrogates import SuperSpike, Surrogate

every_neuron = pytest.mark.parametrize("neuron", FOR_KERNELS, ids=lambda n: n.name)
some_neurons = pytest.mark.parametrize("neuron", FOR_ALL_WIDTHS, ids=lambda n: n.name)
both_routes = pytest.mark.parametrize("sparse", ROUTES.values(), ids=ROUTES)
both_layers = pytest.mark.parametrize("recurrent", [False, True], ids=["feedforward", "recurrent"])
GENTLE = SuperSpike(1.0)
"""A steep surrogate turns one rounding of a membrane next to its threshold into the largest error."""


def seeded(count: int = 2, **settings: object) -> list[Case]:
    # The interpreter takes 0.1 ms for each operation on a block.
    small = {"steps": 5, "batch": 2, "inputs": 20, "surrogate": GENTLE}
    return [random_case(seed=seed, **small | settings) for seed in range(count)]  # type: ignore[arg-type]


def on(gpu: str, **settings: object) -> partial[dict[str, torch.Tensor]]:
    return partial(run_operators, device=gpu, grouped=False, **settings)


@every_neuron
@both_layers
def test_layer_is_as_good_as_the_reference(neuron: Neuron, recurrent: bool, gpu: str) -> None:
    cases = seeded(neuron=neuron, recurrent=recurrent, bias=True, per_neuron=True)
    assert_as_good_as_reference(cases, on(gpu, sparse=True))


@some_neurons
@both_layers
def test_so_it_is_on_the_dense_route(neuron: Neuron, recurrent: bool, gpu: str) -> None:
    """The neurons' part of a kernel is the same on both."""
    cases = seeded(neuron=neuron, recurrent=recurrent, bias=True, per_neuron=True)
    assert_as_good_as_reference(cases, on(gpu, sparse=False))


@some_neurons
@both_layers
def test_numbers_that_stay(neuron: Neuron, recurrent: bool, gpu: str) -> None:
    assert_as_good_as_reference(seeded(neuron=neuron, recurrent=recurrent), on(gpu, sparse=True))


@both_layers
@both_routes
def test_a_cap_leaves_what_the_reference_leaves(recurrent: bool, sparse: bool, gpu: str) -> None:
    cases = seeded(recurrent=recurrent, bias=True, batch=3, threshold=0.5)

    def kept(case: Case) -> torch.Tensor:
        free = run_reference(case.to(torch.float32))
        keep, dropped = reference.cap(free["spikes"], free["window"], max_activity=0.1, seed=7)
        assert dropped > 10
        return keep

    run = on(gpu, sparse=sparse, limit=ops.capacity(0.1, 65), seed=7)
    assert_as_good_as_reference(cases, run, kept)


@pytest.mark.parametrize("surrogate", all_surrogates(), ids=lambda s: type(s).__name__)
def test_every_surrogate(surrogate: Surrogate, gpu: str) -> None:
    """The slopes are the surrogate's at the margins, which SuperSpike tells."""
    case = random_case(steps=8, batch=2, inputs=30, surrogate=surrogate, depth=-1.5)
    results = on(gpu, sparse=True)(case)
    seen = results if isinstance(surrogate, SuperSpike) else on(gpu, sparse=True)(_with(case, SuperSpike()))
    inside = ~seen["margin"].isnan()
    assert int(inside.sum()) > 100
    if "slope" in results:
        want = surrogate.derivative(seen["margin"][inside].double()).float()
        assert_close(results["slope"][inside], want, kind="float32", name="slope")


def _with(case: Case, surrogate: Surrogate) -> Case:
    return Case(**{**vars(case), "surrogate": surrogate})


@pytest.mark.parametrize("depth", [-1.5, -math.inf])
@both_layers
def test_deep_windows(recurrent: bool, depth: float, gpu: str) -> None:
    assert_as_good_as_reference(seeded(recurrent=recurrent, depth=depth, steps=5), on(gpu, sparse=True))


@pytest.mark.parametrize("size", [1, 64, 129])
@both_layers
@both_routes
def test_odd_sizes(size: int, recurrent: bool, sparse: bool, gpu: str) -> None:
    for inputs, neurons, batch, steps in ((size, 65, 2, 4), (5, size, 3, 2), (size, size, 1, 1)):
        cases = seeded(recurrent=recurrent, bias=True, inputs=inputs, neurons=neurons, batch=batch, steps=steps)
        assert_as_good_as_reference(cases, on(gpu, sparse=sparse))


@pytest.mark.parametrize(
    "extreme",
    [{"activity": 0.0}, {"activity": 1.0}, {"threshold": -100.0}],
    ids=["silent", "all inputs spike", "all neurons spike"],
)
@both_layers
@both_routes
def test_extremes(extreme: dict[str, float], recurrent: bool, sparse: bool, gpu: str) -> None:
    cases = seeded(recurrent=recurrent, steps=3, **extreme)
    assert_as_good_as_reference(cases, on(gpu, sparse=sparse))


@both_layers
@both_routes
def test_a_call_goes_on_where_another_stopped(recurrent: bool, sparse: bool, gpu: str) -> None:
    """The gradient flows through the state, and through the spikes that the next call hears."""
    cases = seeded(recurrent=recurrent, bias=True, per_neuron=True)
    assert_as_good_as_reference(cases, on(gpu, sparse=sparse, cut=3))


@both_layers
def test_gradients_in_the_window_alone(recurrent: bool, gpu: str) -> None:
    case = random_case(recurrent=recurrent, steps=6, batch=2)
    near = torch.rand(case.x.shape, generator=torch.Generator().manual_seed(5)) < 0.3
    whole, part = on(gpu, sparse=True)(case), on(gpu, sparse=True, near=near)(case)
    wanted = near | (case.x != 0)
    assert torch.equal(part["d_x"], torch.where(wanted, whole["d_x"], 0.0))
    assert torch.equal(part["d_weight"], whole["d_weight"])
    plain = on(gpu, sparse=True, want_input=False)(case)
    assert "d_x" not in plain
    assert torch.equal(plain["d_weight"], whole["d_weight"])


def test_autocast_does_not_reach_into_a_layer(gpu: str) -> None:
    """Its number type is an argument, whatever stands around the call; a second call hears the first one's spikes."""
    case = random_case(recurrent=True, steps=4, batch=2, inputs=20, threshold=0.5)
    want = on(gpu, sparse=True, cut=2)(case)
    with torch.autocast(gpu, dtype=torch.bfloat16):
        got = on(gpu, sparse=True, cut=2)(case)
    for name, value in want.items():
        assert torch.equal(got[name].nan_to_num(), value.nan_to_num()), name


@both_layers
def test_the_same_bits_each_time(recurrent: bool, gpu: str) -> None:
    case = random_case(recurrent=recurrent, steps=6, batch=2, bias=True, per_neuron=True)
    first, second = (on(gpu, sparse=True)(case) for _ in range(2))
    for name, value in first.items():
        assert torch.equal(value.nan_to_num(), second[name].nan_to_num()), name


@both_layers
def test_sums_are_exact_on_dyadic_weights(recurrent: bool, gpu: str) -> None:
    """Membranes of a neuron that neither leaks nor spikes are sums of weights, in whatever order."""
    case = random_case(recurrent=recurrent, dyadic=True, beta=1.0, gain=1.0, threshold=1e6, steps=8, batch=2)
    got, want = on(gpu, sparse=True)(case), run_reference(case)
    assert_close(got["state.membrane"].double(), want["state.membrane"], kind="exact")


def test_real_valued_inputs(gpu: str) -> None:
    cases = seeded(bias=True)
    for seed, case in enumerate(cases):
        generator = torch.Generator().manual_seed(seed)
        case.x.copy_(torch.randn(case.x.shape, generator=generator).mul_(0.3).float())
    assert_as_good_as_reference(cases, on(gpu, sparse=False))


def test_a_shadow_is_read_in_place_of_the_weights(gpu: str) -> None:
    case = random_case(steps=6, batch=2)
    rounded = Case(**{**vars(case), "weight": case.weight.bfloat16().double()})
    got, want = on(gpu, sparse=True, shadow=True)(case), on(gpu, sparse=True)(rounded)
    for name, value in want.items():
        assert torch.equal(got[name].nan_to_num(), value.nan_to_num()), name


def test_bits_are_those_of_neurons_that_exist(gpu: str) -> None:
    case = random_case(neurons=65, threshold=-100.0, steps=2, batch=2)
    got = on(gpu, sparse=True)(case)
    assert bool((got["spikes"] == 1).all())
    assert got["spikes"].shape[2] == 65
    assert bits(torch.full((2, 4), -1), 2, 65).all()
