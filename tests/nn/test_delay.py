"""A delay: the input shifted by hand, in one call and in several, with the gradients that flow across them."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from layers import binary
from oracle import assert_close, assert_well_formed
from torch import Tensor

from spikeloom import InputError, Spikes, nn
from spikeloom.nn.delay import delayed

STEPS, BATCH, INPUTS = 9, 3, 20
DELAYS = [1, 4, 9, 13]
as_spikes = pytest.mark.parametrize("as_spikes", [True, False], ids=["spikes", "dense"])


def shifted(x: Tensor, steps: int) -> Tensor:
    """By hand: what came so many steps before, zeros first."""
    return torch.stack([x[t - steps] if t >= steps else torch.zeros_like(x[0]) for t in range(len(x))])


def given(x: Tensor, *, as_spikes: bool) -> Spikes | Tensor:
    return Spikes.from_dense(x) if as_spikes else x


def dense(x: Spikes | Tensor) -> Tensor:
    return x.dense() if isinstance(x, Spikes) else x


def in_parts(x: Spikes | Tensor, ends: tuple[int, ...], steps: int) -> tuple[list[Spikes | Tensor], Any]:
    """What is heard in calls that end after so many steps, and what the last of them holds back."""
    heard, state = [], None
    for first, end in pairwise((0, *ends)):
        now, late = delayed(x[first:end], state, steps=steps)
        heard.append(now)
        state = nn.State((), late=late)
    return heard, state.late  # type: ignore[union-attr]


@as_spikes
@pytest.mark.parametrize("steps", DELAYS)
@pytest.mark.parametrize("ends", [(STEPS,), (4, STEPS), (1, 2, 8, STEPS)])
def test_what_is_heard_is_the_input_shifted(ends: tuple[int, ...], steps: int, as_spikes: bool) -> None:
    """Also where the delay is longer than a call, or than all of them."""
    x = binary(STEPS, BATCH, INPUTS)
    heard, late = in_parts(given(x, as_spikes=as_spikes), ends, steps)
    assert torch.equal(torch.cat([dense(part) for part in heard]), shifted(x, steps))
    before = torch.cat([torch.zeros(steps, BATCH, INPUTS), x])
    assert torch.equal(dense(late), before[-steps:]), "held back for the next call"
    assert all(isinstance(part, Spikes) is as_spikes for part in (*heard, late))
    if as_spikes:
        for part in (*heard, late):
            assert_well_formed(part)


def test_windows_are_shifted_too() -> None:
    """Inputs that were only near their threshold stay in their place, and take their gradient there."""
    near = Spikes(
        ids=torch.tensor([3, 1, 0, 2], dtype=torch.int32),
        row_start=torch.tensor([0, 2, 2, 4, 4]),
        spike_count=torch.tensor([1, 0, 0, 0], dtype=torch.int32),
        active=torch.tensor([1.0, 0.0, 0.0, 0.0], requires_grad=True),
        steps=2,
        batch=2,
        neurons=4,
    )
    heard, late = delayed(near, None, steps=1)
    assert isinstance(heard, Spikes)
    assert isinstance(late, Spikes)
    assert_well_formed(heard)
    assert (heard.ids.tolist(), heard.row_start.tolist()) == ([3, 1, 0, 2], [0, 0, 2, 2, 4])
    assert (heard.spike_count.tolist(), late.ids.tolist()) == ([0, 1, 0, 0], [])
    heard.active.backward(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert near.active.grad is not None
    assert near.active.grad.tolist() == [1.0, 2.0, 3.0, 4.0]


@as_spikes
def test_gradients_reach_inputs_of_the_call_before(as_spikes: bool) -> None:
    x = given(binary(STEPS, BATCH, INPUTS), as_spikes=as_spikes)
    leaf = x.active if isinstance(x, Spikes) else x
    leaf.requires_grad_()
    heard, _ = in_parts(x, (4, STEPS), 6)
    weight = torch.randn(STEPS, BATCH, INPUTS)
    (torch.cat([dense(part) for part in heard]) * weight).sum().backward()
    want = torch.cat([weight[6:], torch.zeros(6, BATCH, INPUTS)])  # the last six steps are heard by nobody
    assert leaf.grad is not None
    if isinstance(x, Spikes):
        want = want.transpose(0, 1).reshape(-1, INPUTS)[x.rows(), x.ids.long()]
    assert torch.equal(leaf.grad, want)


def test_spikes_and_then_numbers() -> None:
    """A call with real numbers may follow one with spikes."""
    x = binary(STEPS, BATCH, INPUTS)
    first, late = delayed(Spikes.from_dense(x[:4]), None, steps=2)
    second, _ = delayed(x[4:] * 0.5, nn.State((), late=late), steps=2)
    assert isinstance(second, Tensor)
    want = shifted(torch.cat([x[:4], x[4:] * 0.5]), 2)
    assert torch.equal(torch.cat([dense(first), second]), want)


def network(delay: int, **settings: Any) -> nn.Sequential:
    torch.manual_seed(0)
    first, second = nn.LIF(INPUTS, 70, sparse=True), nn.LIF(70, 65, delay=delay, sparse=True, **settings)
    return nn.Sequential(first, second, nn.LI(65, 3))


def gradients(net: nn.Sequential, x: Tensor, ends: tuple[int, ...]) -> tuple[Tensor, list[Tensor]]:
    net.zero_grad()
    state, outputs = None, []
    for first, end in pairwise((0, *ends)):
        out, state = net(x[first:end], state)
        outputs.append(out)
    whole = torch.cat(outputs)
    whole.square().mean().backward()
    return whole.detach(), [p.grad for p in net.parameters() if p.grad is not None]


@pytest.mark.parametrize("delay", [1, 3, 6])
@pytest.mark.parametrize("recurrent", [False, True])
def test_two_calls_are_one(recurrent: bool, delay: int) -> None:
    net, x = network(delay, recurrent=recurrent), binary(12, 4, INPUTS)
    out, want = gradients(net, x, (12,))
    for ends in ((5, 12), (2, 3, 12)):
        got_out, got = gradients(net, x, ends)
        assert torch.equal(got_out, out)
        for a, b in zip(got, want, strict=True):
            assert bool(b.any())
            assert_close(a, b, kind="float32")


def test_a_delayed_layer_is_the_layer_on_a_shifted_input() -> None:
    torch.manual_seed(0)
    layer, x = nn.LIF(INPUTS, 70, recurrent=True), binary(12, 4, INPUTS)
    want = layer(shifted(x, 3))[0].dense()
    layer.delay = 3
    assert torch.equal(layer(x)[0].dense(), want)
    layer.delay = 20
    assert not bool(layer(x)[0].dense().any()), "nothing has come yet"


def test_a_state_that_is_cut_off_holds_back_numbers_without_gradient() -> None:
    net, x = network(3), binary(12, 4, INPUTS)
    _, state = net(x[:5])
    assert state[1].late.active.requires_grad
    assert len(state[1].tensors()) == 3
    cut = state.detach()
    assert not any(tensor.requires_grad for tensor in cut[1].tensors())
    assert torch.equal(net(x[5:], cut)[0], net(x[5:], state)[0])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 4, INPUTS), r"state: expected inputs \(3, 4, 20\), \[D, B, I\], held back, got \(2, 4, 20\)"),
        ((3, 5, INPUTS), r"state: expected inputs \(3, 4, 20\), \[D, B, I\], held back, got \(3, 5, 20\)"),
        ((3, 4, 7), r"state: expected inputs \(3, 4, 20\), \[D, B, I\], held back, got \(3, 4, 7\)"),
    ],
)
@as_spikes
def test_a_state_that_does_not_fit(shape: tuple[int, ...], message: str, as_spikes: bool) -> None:
    late = given(torch.zeros(shape), as_spikes=as_spikes)
    with pytest.raises(InputError, match=message):
        delayed(binary(6, 4, INPUTS), nn.State((), late=late), steps=3)
