"""Layers of every neuron as modules against the reference, forward and backward; what they say, and refuse."""

import copy
import io
from functools import partial
from typing import Any

import pytest
import torch
from layers import assert_as_good_as_twin, binary, run_layer
from own_neurons import QUADRATIC
from torch import Tensor

from spikeloom import InputError, neurons, nn, reference
from spikeloom.neurons import KINDS, Neuron, Parameter, lif, se_adlif
from spikeloom.nn.blocked import to_matrix

FACES = {
    "if": (nn.IF, {"gain": 0.25}),
    "lif": (nn.LIF, {"beta": 0.9}),
    "cuba_lif": (nn.CuBaLIF, {"beta": 0.9, "alpha": 0.5}),
    "alif": (nn.ALIF, {"beta": 0.9, "rho": 0.75, "strength": 0.5}),
    "adlif": (nn.AdLIF, {"beta": 0.75, "rho": 0.9, "a": 0.7, "b": 0.5}),
    "se_adlif": (nn.SEAdLIF, {"beta": 0.75, "rho": 0.9, "a": 3.0, "b": 0.5}),
}
every_face = pytest.mark.parametrize("kind", FACES)
both_routes = pytest.mark.parametrize("sparse", [True, False], ids=["sparse", "dense"])


def face(kind: str, **settings: Any) -> nn.Spiking:
    make, numbers = FACES[kind]
    return make(20, 70, second_threshold=0.75, **numbers | settings)  # type: ignore[no-any-return]


def assert_good(make: Any, seeds: int = 3) -> None:
    assert_as_good_as_twin(make, lambda seed: binary(15, 4, 20, seed=seed, activity=0.2), range(seeds))


def test_every_kind_has_a_face() -> None:
    assert FACES.keys() == KINDS.keys()
    for kind, (make, _) in FACES.items():
        assert make(3, 4).neuron is KINDS[kind]("zero")
        assert make(3, 4, reset="subtract").neuron is KINDS[kind]("subtract")


@every_face
def test_a_layer_is_as_good_as_the_reference(kind: str) -> None:
    """Feed-forward on the sparse route, with nothing learned but the weights."""
    assert_good(partial(face, kind, bias=True, sparse=True))


@every_face
def test_a_recurrent_layer_is_as_good_as_the_reference(kind: str) -> None:
    """On the dense route, with all numbers learned."""
    assert_good(partial(face, kind, recurrent=True, learn=KINDS[kind]().names, sparse=False))


def _charged(state, spike, current, p):  # type: ignore[no-untyped-def]
    capacity, threshold = p
    after = state[0] * (1.0 - spike) + current / capacity
    return (after,), after - threshold


def test_a_neuron_may_divide_by_its_parameters() -> None:
    """Also in those that fill up a block of 64: NaN there would spread to what a layer and its inputs sum up."""
    numbers = (Parameter("capacity", 2.0, low=0.0), Parameter("threshold", 1.0))
    neuron = Neuron("charged", _charged, ("charge",), numbers)
    layer = nn.Spiking(5, 3, neuron=neuron, learn=("capacity",), capacity=torch.tensor([1.0, 2.0, 4.0]), sparse=True)
    spikes, state = layer(binary(6, 2, 5, seed=0, activity=0.5))
    (spikes.active.sum() + state.values[0].sum()).backward()
    assert all(bool(p.grad.isfinite().all()) for p in layer.parameters())
    assert bool(layer.capacity_shift.grad.ne(0).all())


@both_routes
def test_neurons_that_hear_themselves_and_rest(sparse: bool) -> None:
    def make() -> nn.Spiking:
        own = torch.empty(70).uniform_(-0.5, 0.5)
        settings = {"recurrent": "one-to-one", "self_weight": own, "refractory": 2, "learn": ("beta",)}
        return face("lif", **settings, sparse=sparse)

    assert_good(make)


@pytest.mark.parametrize("recurrent", [False, True])
def test_adaptive_neurons_that_rest_and_hear_late(recurrent: bool) -> None:
    rest = {"refractory": 3, "delay": 2, "learn": ("beta", "rho")}
    assert_good(partial(face, "se_adlif", recurrent=recurrent, sparse=True, **rest))


def test_resting_neurons_rest() -> None:
    """Between two spikes of a neuron there are at least so many steps without one, in layers as by hand."""
    torch.manual_seed(0)
    layer = face("lif", refractory=3)
    spikes = layer(binary(40, 4, 20))[0].dense().detach().bool()
    assert int(spikes.sum()) > 100
    for t in range(37):
        assert not bool((spikes[t] & spikes[t + 1 : t + 4].any(0)).any())
    assert bool((spikes[:-4] & spikes[4:]).any()), "and it spikes again as soon as it may"


def test_what_hears_itself_has_learned_weights_of_its_own() -> None:
    layer = nn.LIF(3, 5, recurrent="one-to-one")
    assert layer.self_weight_shift.shape == (5,)
    assert "recurrent_weight" not in dict(layer.named_parameters())
    assert layer.learned == ("self_weight",)
    with pytest.raises(InputError, match="layer: expected one made with recurrent=True, got a feed-forward one"):
        layer.recurrent_matrix()


@pytest.mark.parametrize(
    ("make", "size", "keeps"),
    [
        (partial(nn.LIF, 3, 4), "3-4 feed-forward LIF", ""),
        (partial(nn.SEAdLIF, 3, 4, recurrent=True), "3-4 recurrent SE-adLIF", ""),
        (partial(nn.LIF, 3, 4, recurrent="one-to-one"), "3-4 one-to-one recurrent LIF", ""),
        (partial(nn.LIF, 3, 4, learn=("threshold",)), "3-4 feed-forward LIF", ""),
        (partial(nn.LIF, 3, 4, learn=("beta", "gain")), "3-4 feed-forward LIF", ", every membrane, every current"),
        (partial(nn.LIF, 3, 4, refractory=2), "3-4 feed-forward LIF", ", every rest"),
        (partial(nn.ALIF, 3, 4, learn=("strength",)), "3-4 feed-forward ALIF", ", every adaptation"),
        (partial(nn.Spiking, 3, 4, neuron=QUADRATIC), "3-4 feed-forward quadratic", ", every membrane, every current"),
    ],
)
def test_explain_says_what_is_kept(make: Any, size: str, keeps: str) -> None:
    row = make().explain()
    assert (row["layer"], row["keeps"]) == (size, f"bits, window entries{keeps}")


def test_the_table_says_what_is_kept_too() -> None:
    net = nn.Sequential(nn.LIF(3, 4, learn=("beta",)), nn.LI(4, 2, learn=("gain",)))
    table = net.explain().splitlines()
    assert table[1].endswith("bits, window entries, every membrane")
    assert table[2].endswith("every current")
    net(torch.zeros(2, 1, 3))
    assert "sparse" in net.explain()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"neuron": "lif"}, "neuron: expected a spikeloom.neurons.Neuron, got str"),
        ({"recurrent": "all"}, "recurrent: expected True, False or \"one-to-one\", got 'all'"),
        ({"refractory": -1}, "refractory: expected a whole number of steps, 0 or more, got -1"),
        ({"delay": 1.5}, "delay: expected a whole number of steps, 0 or more, got 1.5"),
        ({"delay": -2}, "delay: expected a whole number of steps, 0 or more, got -2"),
        ({"self_weight": 0.5}, "self_weight: expected one of the parameters of LIF.zero: .*, got another"),
        ({"tau": 5.0}, "tau: expected one of the parameters of LIF.zero: beta, gain, threshold, tau_ms, got another"),
        ({"dt_ms": 1.0, "tau_ms": torch.ones(4)}, r"tau_ms: expected a number or 5 of them, .*got \(4,\)"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        nn.Spiking(4, 5, **{"neuron": lif.neuron()} | settings)


def test_a_step_that_cannot_be_traced_is_found_when_the_layer_is_made() -> None:
    wrong = Neuron("wrong", lambda s, spike, i, p: ((torch.sin(s[0]),), i), ("x",), ())
    with pytest.raises(InputError, match="wrong.step: expected .* got something else: sin"):
        nn.Spiking(4, 5, neuron=wrong)


def test_a_neuron_without_a_threshold_spikes_where_its_margin_is_at_least_zero() -> None:
    """Its second threshold counts from there."""
    plain = Neuron("plain", lambda s, spike, i, p: ((0.5 * s[0] + i,), s[0] - p[0]), ("x",), (Parameter("bar", 0.25),))
    layer = nn.Spiking(1, 1, neuron=plain)
    layer.load_weight_matrix(torch.ones(1, 1))
    spikes, _ = layer(torch.tensor([1.0, 0.0, 0.0, 0.0]).view(4, 1, 1))
    # x before each step: 0, 1, 1/2, 1/4
    assert spikes.dense().flatten().tolist() == [0, 1, 1, 1]
    assert float(layer.second_threshold) == pytest.approx(-0.1)


def test_a_neuron_without_states_and_parameters() -> None:
    """It spikes where its current is at least one; a second call goes on from a state that holds spikes alone."""
    layer, x = nn.Spiking(20, 70, neuron=Neuron("bare", lambda s, spike, i, p: ((), i - 1.0), (), ())), binary(9, 4, 20)
    first, state = layer(x[:4])
    second, _ = layer(x[4:], state)
    assert state.values == ()
    got = torch.cat([first.dense(), second.dense()])
    assert torch.equal(got, (x @ layer.weight_matrix().T >= 1).float())
    first.active.sum().backward()
    assert bool(layer.weight_gradient().any())  # type: ignore[union-attr]


@pytest.mark.parametrize("learned", [False, True])
def test_a_state_of_another_neuron_is_refused(learned: bool) -> None:
    """SE-adLIF has two states, LIF one."""
    x, learn = binary(3, 2, 20), ("beta",) if learned else ()
    _, state = face("lif")(x)
    with pytest.raises(InputError, match="state: expected 2 of SE-adLIF.zero: membrane, adaptation, got 1 tensors"):
        face("se_adlif", learn=learn)(x, state)


class Trained(torch.nn.Module):
    """A layer of a user's own neuron and a linear readout of its spike counts, by kernels or by the reference."""

    def __init__(self, dtype: torch.dtype | None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Spiking(20, 70, neuron=QUADRATIC, second_threshold=0.25, sparse=True)
        self.out = torch.nn.Linear(70, 3)
        self.by_kernels = dtype is None
        self.to(dtype or torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        if self.by_kernels:
            return self.out(self.layer(x)[0].dense().mean(0))  # type: ignore[no-any-return]
        layer = self.layer
        spikes, *_ = reference.feedforward(
            x.to(layer.weight),
            to_matrix(layer.weight, 70, 20),
            neuron=QUADRATIC,
            parameters=tuple(layer.value(name).item() for name in QUADRATIC.names),
            depth=float(layer.second_threshold - layer.threshold),
            surrogate=layer.surrogate,
        )
        return self.out(spikes.mean(0))  # type: ignore[no-any-return]

    def losses(self, steps: int) -> Tensor:
        """Of so many training steps."""
        x, wanted, found = binary(15, 8, 20), torch.eye(3).repeat(3, 1)[:8], []
        optimizer = torch.optim.SGD(self.parameters(), lr=0.5)
        for _ in range(steps):
            optimizer.zero_grad()
            loss = (self(x) - wanted.to(self.out.weight)).square().mean()
            loss.backward()
            optimizer.step()
            found.append(loss.detach())
        return torch.stack(found).double()


def test_a_neuron_of_ones_own_trains_as_on_the_reference() -> None:
    got, want32, want64 = (Trained(dtype).losses(12) for dtype in (None, torch.float32, torch.float64))
    assert float(got[-1]) < 0.8 * float(got[0])
    own = float((want32 - want64).abs().max())
    assert float((got - want64).abs().max()) <= 2 * own + 4 * 2**-23 * float(want64.max())


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
@pytest.mark.parametrize("recurrent", [True, "one-to-one"])
@every_face
def test_copies_are_the_same_layer(kind: str, recurrent: bool | str, way: str) -> None:
    """Numbers, neuron, route and all; nothing runs, since equal equations run equally."""
    layer = face(kind, recurrent=recurrent, refractory=2, delay=1, learn=("gain",))
    torch.nn.init.uniform_(layer.gain_shift)
    if way == "deepcopy":
        other = copy.deepcopy(layer)
    else:
        file = io.BytesIO()
        torch.save(layer, file)
        file.seek(0)
        other = torch.load(file, weights_only=False)
    assert other._equations == layer._equations == neurons.equations(other.neuron, other.learned).text
    assert (other.delay, other.recurrent, other.neuron.states) == (1, recurrent, layer.neuron.states)
    for name, value in layer.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name
    torch.nn.init.zeros_(other.gain_shift)
    assert bool(layer.gain_shift.any())


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_copies_compute_the_same(way: str) -> None:
    torch.manual_seed(0)
    layer = face("se_adlif", refractory=3, delay=2, learn=("beta", "rho"), sparse=True)
    x = binary(15, 4, 20)
    want = run_layer(layer, x)
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    other = copy.deepcopy(layer) if way == "deepcopy" else torch.load(file, weights_only=False)
    got = run_layer(other, x)
    assert got.keys() == want.keys()
    assert all(torch.equal(got[name], value) for name, value in want.items())


def test_every_neuron_of_spikeloom_is_what_it_says() -> None:
    for kind in KINDS.values():
        neurons.check(kind())
    assert se_adlif.neuron().states == ("membrane", "adaptation")
