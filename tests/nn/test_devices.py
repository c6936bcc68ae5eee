"""Networks on a GPU that is not there: all tensors lie there, and the dense route asks it for nothing."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from on_gpu import GPU, Answered, Capturable, backward, fake_gpu, launch_nothing
from own_neurons import ADAPTIVE, QUADRATIC
from torch import Tensor

from spikeloom import InputError, Spikes, nn, optim
from spikeloom.neurons import Neuron
from spikeloom.nn import losses
from spikeloom.ops.choice import Crossover

Loss = Callable[..., Tensor]
STEPS, BATCH, INPUTS, HIDDEN, CLASSES = 6, 3, 20, 70, 5
KINDS: dict[str, tuple[type[nn.Spiking], dict[str, Any]]] = {
    "IF": (nn.IF, {}),
    "LIF": (nn.LIF, {"learn": ("beta", "threshold"), "bias": True}),
    "LIF_subtract": (nn.LIF, {"reset": "subtract", "refractory": 2}),
    "ALIF": (nn.ALIF, {"learn": ("rho",), "learn_per": "layer"}),
    "AdLIF": (nn.AdLIF, {"learn": ("a", "beta", "rho")}),
    "SEAdLIF": (nn.SEAdLIF, {"learn": ("a", "beta")}),
    "CuBaLIF": (nn.CuBaLIF, {"tau_ms": 20.0, "tau_synapse_ms": torch.full((HIDDEN,), 5.0), "dt_ms": 1.0}),
    "own_adaptive": (nn.Spiking, {"neuron": ADAPTIVE}),
    "own_nonlinear": (nn.Spiking, {"neuron": QUADRATIC, "learn": ("beta",)}),
    "own_bare": (nn.Spiking, {"neuron": Neuron("bare", lambda u, s, i, p: ((u[0] + i,), u[0] + i - 1.0), ("u",), ())}),
    "capped": (nn.LIF, {"max_activity": 0.1}),
    "dropped": (nn.LIF, {"dropout": 0.5}),
}
"""A layer of each kind, with some setting of each kind."""
OF_MEMBRANES = [
    losses.cross_entropy_per_step, losses.cross_entropy_on_max_membrane, losses.cross_entropy_summed_over_steps,
]  # fmt: skip
OF_SPIKES = [
    losses.cross_entropy_on_spike_sum, losses.mean_squared_error_on_spike_counts, losses.cross_entropy_per_step,
]  # fmt: skip


@pytest.fixture(autouse=True)
def _no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    launch_nothing(monkeypatch)


def numbers(*shape: int) -> Tensor:
    return torch.zeros(*shape, device=GPU)


def labels() -> Tensor:
    return torch.zeros(BATCH, dtype=torch.int64, device=GPU)


def spikes() -> Spikes:
    """Seven entries, as many as `Answered` finds everywhere."""
    rows = torch.zeros(STEPS * BATCH + 1, dtype=torch.int64, device=GPU)
    ids = torch.zeros(Answered.entries, dtype=torch.int32, device=GPU)
    return Spikes(ids, rows, rows[1:].int(), numbers(len(ids)), STEPS, BATCH, INPUTS)


def network(*last: torch.nn.Module, **settings: Any) -> nn.Sequential:
    """Two layers, of which the second has all that a dense layer can have, and a readout."""
    first = nn.LIF(INPUTS, HIDDEN, sparse=False, bias=True, learn=("beta",), **settings)
    second = nn.AdLIF(HIDDEN, 65, sparse=False, delay=2, dropout=0.3, learn=("a", "beta"))
    return nn.Sequential(first, second, *(last or (nn.LI(65, CLASSES, bias=True, learn=("beta",), dropout=0.2),)))


def step(net: nn.Sequential, x: Spikes | Tensor, loss: Callable[..., Tensor], state: Any = None) -> Any:
    """A training step without its optimiser."""
    net.zero_grad()
    out, state = net(x, state)
    assert (out.device, net[0].weight.device) == (GPU, GPU)
    backward(loss(out, labels()))
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        strides = [x.squeeze().stride() for x in (parameter.grad, parameter)]
        assert strides[0] == strides[1], f"{name}: the optimiser's pass is one stream"
    return state.detach()


def in_bfloat16(patch: pytest.MonkeyPatch) -> None:
    """As in torch's autocast, which refuses a GPU that is not there."""
    for module in (nn.inputs, nn.spiking):
        patch.setattr(module, "bf16_wanted", lambda device: device == GPU)


@pytest.mark.parametrize("loss", OF_MEMBRANES)
@pytest.mark.parametrize("low", [False, True], ids=["float32", "bfloat16"])
def test_a_dense_step_can_be_captured(loss: Loss, low: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call lays weights out and makes the optimiser's moments; a graph is captured after it."""
    net = network()
    if low:
        in_bfloat16(monkeypatch)
    with fake_gpu():
        optimizer = optim.AdamW(net.to(GPU).parameters(), lr=1e-2, weight_decay=0.1)
        state = step(net, numbers(STEPS, BATCH, INPUTS), loss)
        optimizer.step()
        with Capturable():
            state = step(net, numbers(STEPS, BATCH, INPUTS), loss, state)
            step(net, numbers(STEPS, BATCH, INPUTS) > 0, loss, state)
            optimizer.step()
        assert all(x.device == GPU for x in state[1].tensors())


@pytest.mark.parametrize("loss", OF_SPIKES)
def test_so_can_one_that_ends_with_spikes(loss: Loss) -> None:
    net = network(nn.LIF(65, CLASSES, sparse=False))
    with fake_gpu():
        step(net.to(GPU), numbers(STEPS, BATCH, INPUTS), loss)
        with Capturable():
            step(net, numbers(STEPS, BATCH, INPUTS), loss)


def test_and_one_that_ends_with_torchs_linear() -> None:
    net = network(torch.nn.Linear(65, CLASSES))
    with fake_gpu():
        step(net.to(GPU), numbers(STEPS, BATCH, INPUTS), losses.cross_entropy_per_step)
        with Capturable():
            step(net, numbers(STEPS, BATCH, INPUTS), losses.cross_entropy_per_step)
            net.eval()(numbers(STEPS, BATCH, INPUTS))


REFUSED: list[Callable[[Tensor], object]] = [
    lambda x: bool((x == 0).all()),
    lambda x: x.nonzero(),
    lambda x: x[x > 0],
    lambda x: x[[0, 1]],
    lambda x: x + torch.ones(3),
    lambda x: x.to("cpu"),
    lambda x: torch.tensor([1.0, 2.0], device=x.device),
]


@pytest.mark.parametrize("ask", REFUSED)
def test_what_no_graph_can_hold_is_refused(ask: Callable[[Tensor], object]) -> None:
    with fake_gpu(), pytest.raises((AssertionError, RuntimeError)), Capturable():
        ask(numbers(3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("recurrent", nn.spiking.RECURRENT)
@pytest.mark.parametrize("sparse", [True, False], ids=["sparse", "dense"])
def test_every_kind_of_layer_lies_there(kind: str, recurrent: bool | str, sparse: bool) -> None:
    make, settings = KINDS[kind]
    layer = make(INPUTS, HIDDEN, sparse=sparse, recurrent=recurrent, **settings)
    net = nn.Sequential(layer, nn.LI(HIDDEN, CLASSES))
    with fake_gpu():
        net.to(GPU)
        with Answered():
            for x in (spikes(), numbers(STEPS, BATCH, INPUTS)):
                state = step(net, x, losses.cross_entropy_per_step)
                step(net, x, losses.cross_entropy_per_step, state)
            out, state = layer(spikes())
            assert (out.ids.device, out.dense().shape) == (GPU, (STEPS, BATCH, HIDDEN))
            backward(out.active.sum())
            assert [tuple(value.shape) for value in state.values] == [(BATCH, HIDDEN)] * len(layer.neuron.states)
            told = layer.explain()
            assert told["route"].startswith("sparse, in Triton" if sparse else "dense product, scan in Triton")
            listed = sparse or recurrent is True or kind == "capped"
            assert ("window entries" if listed else "every slope") in told["keeps"]


@pytest.mark.parametrize("kind", ["LIF", "own_adaptive"])
def test_weights_are_rounded_there(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, settings = KINDS[kind]
    layers = [make(INPUTS, HIDDEN, sparse=True, **settings), make(HIDDEN, 65, sparse=True, recurrent=True, **settings)]
    net = nn.Sequential(*layers, nn.LI(65, CLASSES))
    in_bfloat16(monkeypatch)
    with fake_gpu():
        net.to(GPU)
        with Answered():
            step(net, spikes(), losses.cross_entropy_on_max_membrane)
            assert "sparse in bfloat16, in Triton" in net.explain()


def test_the_papers_operations_lie_there() -> None:
    with fake_gpu(), Answered():
        weight = numbers(2, INPUTS, 64).requires_grad_()
        out = nn.functional.sparse_product(spikes(), weight, HIDDEN)
        assert (out.device, out.shape) == (GPU, (STEPS, BATCH, HIDDEN))
        backward(out.sum())
        assert weight.grad is not None
    membrane, not_a_number = torch.zeros(STEPS, BATCH, INPUTS, requires_grad=True), (False, False)
    for high in (1.0, torch.ones(INPUTS)):
        with fake_gpu(), Answered(copies=True, answers=not_a_number):
            chosen = nn.functional.select_spikes(membrane.to(GPU), threshold=high)
            assert (chosen.device, chosen.neurons) == (GPU, INPUTS)
            backward(chosen.active.sum())


@pytest.mark.parametrize("make", [nn.LIF, nn.LI])
def test_a_tensor_elsewhere_is_named(make: Callable[..., torch.nn.Module]) -> None:
    layer, x = make(INPUTS, HIDDEN, **({"sparse": False} if make is nn.LIF else {})), torch.zeros(STEPS, BATCH, INPUTS)
    with fake_gpu():
        for elsewhere in (numbers(STEPS, BATCH, INPUTS), spikes()):
            with pytest.raises(InputError, match="input: expected one on cpu, where the weights are, got cuda:0; move"):
                layer(elsewhere)
        layer.to(GPU)
        with pytest.raises(InputError, match="input: expected one on cuda:0, where the weights are, got cpu; move"):
            layer(x)
        _, state = layer(numbers(STEPS, BATCH, INPUTS))
        elsewhere = nn.State(tuple(torch.zeros(value.shape) for value in state.values), state.spike)
        with pytest.raises(InputError, match="state: expected tensors on cuda:0, where the weights are, got cpu"):
            layer(numbers(STEPS, BATCH, INPUTS), elsewhere)


def test_labels_elsewhere_are_named() -> None:
    with fake_gpu(), pytest.raises(InputError, match="labels: expected some on cuda:0, as the output is, got cpu"):
        losses.cross_entropy_per_step(numbers(STEPS, BATCH, CLASSES), torch.zeros(BATCH, dtype=torch.int64))


def test_a_network_that_moves_chooses_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = nn.LIF(INPUTS, HIDDEN)
    layer((torch.rand(STEPS, BATCH, INPUTS) < 0.5).float())
    assert layer.route is not None
    assert layer.float().route is not None
    limit = Crossover(0.02, "2.00% in float32, measured on this GPU")
    monkeypatch.setattr(nn.inputs, "crossover", lambda device, low: limit if device == GPU else None)
    with fake_gpu():
        layer.to(GPU)
        assert layer.route is None
        with Answered():
            layer(spikes())
            told = layer.explain()
    why = f"0.28% of the ids active in the first batch, below the crossover of {limit.name}"
    assert layer.route == (True, why, True)
    assert (told["route"], told["why"]) == ("sparse, in Triton", why)


def test_numbers_given_elsewhere_lie_beside_the_weights() -> None:
    with fake_gpu():
        there, here = torch.full((HIDDEN,), 0.9, device=GPU), torch.zeros(1).device
        with Answered(copies=True, answers=(False, False)):
            assert nn.numbers.per_neuron("beta", there, HIDDEN, device=here).device == here
            assert nn.numbers.per_neuron("beta", 0.9, HIDDEN, device=GPU).device == GPU
