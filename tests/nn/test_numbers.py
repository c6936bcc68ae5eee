"""The numbers of a layer's neurons: taken by name or time constant, learned inside their range, kept in state dicts."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from layers import assert_as_good_as_twin, binary, run_layer
from oracle import assert_as_good_as, assert_close
from torch import Tensor

from spikeloom import InputError, nn, reference
from spikeloom.neurons import Neuron, Parameter, se_adlif

ALL = se_adlif.neuron().names  # beta, rho, a, b, gain, threshold
OTHER = {
    "low": (-1.0, 2.0),
    "high": (2.0, math.inf),
    "both": (0.0, 1.0),
    "top": (-math.inf, 3.0),
    "free": (-math.inf, math.inf),
}
START = {"low": 1.0, "high": 2.5, "both": 0.25, "top": 2.0, "free": -4.0}


def _step(state, spike, current, p):  # type: ignore[no-untyped-def]
    return (p[0] * state[0] + current,), state[0]


RANGES = Neuron("ranges", _step, ("x",), tuple(Parameter(n, START[n], low=a, high=b) for n, (a, b) in OTHER.items()))


def move(layer: torch.nn.Module, shift: float, *names: str) -> None:
    for name in names:
        torch.nn.init.constant_(getattr(layer, f"{name}_shift"), shift)


def number(layer: nn.Spiking, name: str) -> float:
    """The value of the first neuron."""
    return layer.value(name).detach().flatten()[0].item()


def test_time_constants_of_every_decay() -> None:
    layer = nn.SEAdLIF(3, 2, tau_ms=20, tau_adaptation_ms=torch.tensor([100.0, 200.0]), dt_ms=2)
    assert float(layer.beta) == pytest.approx(math.exp(-2 / 20))
    torch.testing.assert_close(layer.rho, torch.exp(torch.tensor([-2 / 100, -2 / 200])))
    layer = nn.CuBaLIF(3, 2, tau_synapse_ms=5, dt_ms=1)
    assert float(layer.alpha) == pytest.approx(math.exp(-1 / 5))
    assert float(layer.beta) == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 0.5}, "alpha: expected one of the parameters of SE-adLIF.zero: beta, rho, .*, got another"),
        ({"tau_synapse_ms": 5, "dt_ms": 1}, "tau_synapse_ms: expected one of the parameters of SE-adLIF.zero"),
        ({"rho": 0.5, "tau_adaptation_ms": 5, "dt_ms": 1}, "rho: expected rho or tau_adaptation_ms, got both"),
        ({"tau_adaptation_ms": 5}, "dt_ms: expected the length of a step beside tau_adaptation_ms, above 0, got None"),
        ({"tau_adaptation_ms": -5, "dt_ms": 1}, "tau_adaptation_ms: expected numbers above 0, got -5"),
        ({"rho": 1.5}, "rho: expected numbers from 0 to 1, got 1.5"),
        ({"b": -0.5}, "b: expected numbers of at least 0, got -0.5"),
        ({"b": torch.tensor([1.0, -1.0])}, "b: expected numbers of at least 0, got -1 to 1"),
        ({"threshold": -1.0, "second_threshold": -2.0}, "threshold: expected numbers of at least 0, got -1"),
        ({"learn": "beta"}, r"learn: expected a tuple of names, as in \(\"beta\",\), got 'beta'"),
        ({"learn": ("beta", "alpha")}, "learn: expected parameters of SE-adLIF.zero: beta, .*, got alpha"),
        ({"learn": ("tau_ms",)}, "learn: expected parameters of SE-adLIF.zero: .*, got tau_ms"),
        ({"learn": ("beta",), "beta": 1.0}, "beta: expected numbers from 0 to 1, not at an end, got 1"),
        ({"learn": ("b",), "b": 0.0}, "b: expected numbers of at least 0, not at an end, got 0"),
        (
            {"learn": ("a",), "beta": 1.0},
            "a: expected a range with an end, to be learned in, got none, as a decay is 1",
        ),
        ({"learn": ("b",), "learn_per": "column"}, 'learn_per: expected "neuron" or "layer", got \'column\''),
        (
            {"learn": ("b",), "learn_per": "layer", "b": torch.ones(2)},
            "b: expected a number, to be learned per layer, got 2 of them",
        ),
    ],
)
def test_numbers_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        nn.SEAdLIF(3, 2, **settings)


def test_what_is_learned_has_a_shift_and_begins_where_it_was() -> None:
    layer = nn.SEAdLIF(3, 2, a=torch.tensor([0.5, 30.0]), learn=("a", "beta"))
    assert layer.learned == ("beta", "a")
    shifts = {name: tuple(p.shape) for name, p in layer.named_parameters() if name.endswith("_shift")}
    assert shifts == {"beta_shift": (2,), "a_shift": (2,)}
    for name in ALL:
        torch.testing.assert_close(layer.value(name), getattr(layer, name).expand_as(layer.value(name)))
        assert layer.value(name).requires_grad is (name in layer.learned)


def test_one_number_for_the_layer() -> None:
    layer = nn.SEAdLIF(3, 2, learn=("rho",), learn_per="layer")
    assert layer.rho_shift.shape == ()
    assert layer.value("rho").shape == ()


@pytest.mark.parametrize("name", OTHER)
def test_the_value_climbs_with_its_shift_and_stays_inside_its_range(name: str) -> None:
    low, high = OTHER[name]
    layer = nn.Spiking(1, 1, neuron=RANGES, learn=(name,))
    values = []
    for shift in (-1e30, -1e4, -12, -1, 0, 1, 12, 1e4, 1e30) if name != "free" else (-1e30, -1, 0, 1, 1e30):
        move(layer, shift, name)
        values.append(number(layer, name))
    assert values == sorted(values)
    assert len(set(values)) >= 5
    assert START[name] == pytest.approx(values[len(values) // 2])
    assert all(low < value < high for value in values)


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("low", -1 + 3 / (1 + 0.5 * math.exp(-0.5))),  # a share of 2/3 of its range
        ("high", 2 + 0.5 * math.exp(0.5)),
        ("both", 1 / (1 + 3 * math.exp(-0.5))),
        ("top", 3 - math.exp(-0.5)),
        ("free", -3.5),
    ],
)
def test_a_shift_moves_a_value_as_the_equations_say(name: str, want: float) -> None:
    layer = nn.Spiking(1, 1, neuron=RANGES, learn=(name,))
    move(layer, 0.5, name)
    assert number(layer, name) == pytest.approx(want)


def test_a_range_whose_end_moves_is_shared_out_anew() -> None:
    """`a` keeps its share of the stable range while beta moves."""
    layer = nn.SEAdLIF(1, 1, beta=0.9, rho=0.98, a=10.0, learn=("a", "beta"))

    def share() -> float:
        p = {name: number(layer, name) for name in ALL}
        high = (1 + p["beta"]) * (1 + p["rho"]) / ((1 - p["beta"]) * (1 - p["rho"]))
        return (p["a"] + 1) / (high + 1)

    before, a = share(), number(layer, "a")
    move(layer, 1.0, "beta")
    assert share() == pytest.approx(before)
    assert number(layer, "a") > 2 * a


def test_weight_decay_draws_values_back_to_where_they_began() -> None:
    layer = nn.SEAdLIF(1, 2, learn=ALL)
    move(layer, 2.0, *ALL)
    shifts = [p for name, p in layer.named_parameters() if name.endswith("_shift")]
    optimizer = torch.optim.AdamW(shifts, lr=0.1, weight_decay=1.0)
    distance = []
    for _ in range(60):
        distance.append([abs(number(layer, name) - float(getattr(layer, name))) for name in ALL])
        for shift in shifts:
            shift.grad = torch.zeros_like(shift)
        optimizer.step()
    assert all(last < 0.02 * first for first, last in zip(distance[0], distance[-1], strict=True))


@pytest.mark.parametrize("learn_per", ["neuron", "layer"])
def test_state_dicts_hold_the_numbers_and_their_shifts(learn_per: str) -> None:
    settings: dict[str, Any] = {"learn": ("beta", "a"), "learn_per": learn_per}
    layer, other = nn.SEAdLIF(3, 2, rho=torch.tensor([0.9, 0.8]), beta=0.7, **settings), nn.SEAdLIF(3, 2, **settings)
    move(layer, 0.5, "beta", "a")
    with pytest.raises(RuntimeError, match=r"size mismatch for rho"):
        other.load_state_dict(layer.state_dict())
    other = nn.SEAdLIF(3, 2, rho=torch.zeros(2), **settings)
    other.load_state_dict(layer.state_dict())
    for name in ALL:
        assert torch.equal(other.value(name), layer.value(name)), name


def test_a_learned_threshold_carries_its_window_along() -> None:
    layer = nn.LIF(3, 2, learn=("threshold",), second_threshold=0.8)
    before = layer._depth().clone()
    move(layer, 0.5, "threshold")
    assert torch.equal(layer._depth(), before)
    assert number(layer, "threshold") == pytest.approx(math.exp(0.5))


def learning(learn: tuple[str, ...] = ALL, **settings: Any) -> nn.SEAdLIF:
    """A layer whose shifts are not zero."""
    layer = nn.SEAdLIF(20, 70, beta=0.8, rho=0.9, a=1.5, gain=0.5, second_threshold=0.75, learn=learn, **settings)
    for name in layer.learned:
        torch.nn.init.uniform_(getattr(layer, f"{name}_shift"), -0.3, 0.3)
    return layer


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("sparse", [True, False])
def test_gradients_by_every_shift_are_as_good_as_the_reference(sparse: bool, recurrent: bool) -> None:
    make = partial(learning, sparse=sparse, recurrent=recurrent)
    assert_as_good_as_twin(make, lambda seed: binary(15, 4, 20, seed=seed), range(3))


def test_a_number_for_the_layer_takes_the_sum_of_the_neurons_gradients() -> None:
    torch.manual_seed(0)
    each = learning()
    for name in ALL:
        move(each, 0.2, name)
    torch.manual_seed(0)
    one = learning(learn_per="layer")
    one.load_state_dict({n: x[0] if n.endswith("_shift") else x for n, x in each.state_dict().items()})
    x = binary(15, 4, 20)
    got, want = run_layer(one, x), run_layer(each, x)
    assert torch.equal(got["spikes"], want["spikes"])
    for name in ALL:
        gradient = want[f"d_{name}_shift"]
        assert_close(got[f"d_{name}_shift"], gradient.sum(), kind="float32", name=name)


def readout_twin(layer: nn.LI, x: Tensor, start: Tensor, d: list[Tensor], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """The membranes of a readout, and the gradients by its weight, bias, state and shifts, by the reference."""
    assert layer.bias is not None
    leaves = [layer.weight_matrix(), layer.bias, start, layer.beta_shift, layer.gain_shift]
    leaves = [y.detach().to(dtype, copy=True).requires_grad_() for y in leaves]
    beta, gain = torch.sigmoid(layer.beta.to(dtype).logit() + leaves[3]), layer.gain.to(dtype) + leaves[4]
    outputs = reference.readout(x.to(dtype), *leaves[:3], beta=beta, gain=gain)
    return outputs[0].detach(), *torch.autograd.grad(outputs, leaves, [y.to(dtype) for y in d])


@pytest.mark.parametrize("sparse", [True, False])
def test_gradients_of_a_learned_readout(sparse: bool) -> None:
    pooled: dict[str, list[tuple[Tensor, ...]]] = {}
    for seed in range(3):
        torch.manual_seed(seed)
        layer = nn.LI(20, 70, beta=0.9, gain=0.5, bias=True, learn=("beta", "gain"))
        for name in layer.learned:
            torch.nn.init.uniform_(getattr(layer, f"{name}_shift"), -0.5, 0.5)
        x = binary(15, 4, 20, seed=seed) * (1.0 if sparse else 0.7)
        d, start = [torch.randn(15, 4, 70), torch.randn(4, 70)], torch.randn(4, 70)
        begin = start.clone().requires_grad_()
        out, state = layer(x, nn.State((begin,)))
        torch.autograd.backward([out, state.values[0]], d)
        assert layer.bias is not None
        gradients = layer.weight_gradient(), layer.bias.grad, begin.grad, layer.beta_shift.grad, layer.gain_shift.grad
        twins = [readout_twin(layer, x, start, d, dtype) for dtype in (torch.float32, torch.float64)]
        names = ("out", "d_weight", "d_bias", "d_start", "d_beta", "d_gain")
        for name, *trio in zip(names, (out.detach(), *gradients), *twins, strict=True):
            pooled.setdefault(name, []).append(tuple(y.flatten() for y in trio))
    for name, parts in pooled.items():
        assert_as_good_as(*(torch.cat(part) for part in zip(*parts, strict=True)), name)


def test_a_number_out_of_its_range_is_an_error_beside_learned_ones_too() -> None:
    """One that learned numbers may move against is held below its end later, not when it is given."""
    for learn in ((), ("beta",)):
        with pytest.raises(InputError, match="a: expected numbers from -1 to .*, not at an end, got 1000"):
            nn.AdLIF(4, 5, a=1000.0, learn=learn)
