"""What any neuron can be given: steps of rest and a connection to itself, worked out by hand."""

import pytest
import torch
from torch import Tensor

from spikeloom import InputError
from spikeloom.neurons import Neuron, check, equations, if_, lif, one_to_one, refractory, se_adlif
from spikeloom.reference import feedforward
from spikeloom.surrogates import SuperSpike

IF = if_.neuron()  # gain, threshold


def run(neuron: Neuron, currents: list[float], p: tuple[float | Tensor, ...]) -> tuple[list[float], list[list[float]]]:
    """The spikes of one neuron, and its states after each step."""
    x, weight = torch.tensor(currents).double().view(-1, 1, 1), torch.ones(1, 1).double()
    settings = {"neuron": neuron, "parameters": p, "depth": -0.1, "surrogate": SuperSpike(10.0)}
    spikes, states, state = [], [], None
    for now in x:
        out, _, _, state = feedforward(now[None], weight, None, state, **settings)
        spikes.append(out.item())
        states.append([value.item() for value in state[0]])
    return spikes, states


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_neuron_rests_for_so_many_steps_and_spikes_again(steps: int) -> None:
    """Every current is enough for a spike."""
    spikes, _ = run(refractory(IF, steps), [2.0] * 12, (1.0, 1.0))
    assert spikes == [float(t % (steps + 1) == 0) for t in range(12)]


def test_a_resting_neuron_hears_nothing_and_leaks() -> None:
    # beta 1/2: spike, then reset to zero and two deaf steps; what comes while it rests is lost.
    currents, p = [2.0, 9.0, 9.0, 0.5, 0.25, 0.75, 0.0, 0.0], (0.5, 1.0, 1.0)
    spikes, states = run(refractory(lif.neuron(), 2), currents, p)
    assert spikes == [1, 0, 0, 0, 0, 1, 0, 0]
    assert [u for u, _ in states] == [2.0, 0.0, 0.0, 0.5, 0.5, 1.0, 0.0, 0.0]
    assert [rest for _, rest in states] == [0, 2, 1, 0, 0, 0, 2, 1]


def test_a_resting_neuron_is_silent_above_its_threshold() -> None:
    # Without a reset the membrane stays above the threshold while the neuron rests, and it spikes as soon as it may.
    spikes, states = run(refractory(if_.neuron("none"), 2), [2.0, 1.0, 1.0, 0.0, 1.0], (1.0, 1.0))
    assert spikes == [1, 0, 0, 1, 0]
    assert [u for u, _ in states] == [2.0, 2.0, 2.0, 2.0, 2.0]


def test_no_gradient_comes_through_steps_of_rest() -> None:
    current = torch.tensor([2.0, 0.6, 0.6, 0.6, 0.6]).double().requires_grad_()
    p = (0.5, 1.0, 1.0)
    settings = {"neuron": refractory(lif.neuron("none"), 2), "parameters": p, "depth": -10.0}
    spikes, window, _, _ = feedforward(
        current.view(-1, 1, 1), torch.ones(1, 1).double(), surrogate=SuperSpike(1.0), **settings
    )
    spikes.sum().backward()
    assert window.flatten().tolist() == [True, False, False, True, True]
    assert current.grad is not None
    assert (current.grad != 0).tolist() == [True, False, False, True, True]


def test_no_step_of_rest_is_the_neuron_as_it_is() -> None:
    assert refractory(IF, 0) is IF


@pytest.mark.parametrize("steps", [-1, 1.5, "2"])
def test_steps_of_rest_are_a_whole_number(steps: object) -> None:
    with pytest.raises(InputError, match="refractory: expected a whole number of steps, 0 or more, got "):
        refractory(IF, steps)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("weight", "spikes"),
    [(0.5, [1, 1, 1, 1, 0, 0]), (0.0, [1, 0, 1, 0, 0, 0]), (-1.0, [1, 0, 0, 0, 0, 0])],
)
def test_a_neuron_hears_its_own_spike_of_the_step_before(weight: float, spikes: list[float]) -> None:
    """Reset to zero and a current of 1/2: the second step reaches the threshold only by the spike of the first."""
    got, states = run(one_to_one(IF), [1.0, 0.5, 0.5, 0.5, 0.0, 0.0], (1.0, 1.0, weight))
    membrane, before, want = 0.0, 0.0, []
    for current in (1.0, 0.5, 0.5, 0.5, 0.0, 0.0):
        membrane = membrane * (1 - before) + current + weight * before
        before = float(membrane >= 1)
        want.append((membrane, before))
    assert [u for (u,) in states] == [u for u, _ in want]
    assert got == [s for _, s in want] == spikes


def test_the_gradient_flows_through_a_neurons_own_spike() -> None:
    """The second step's membrane is I + w S, so dU/dw = S and dU/dI[0] = w dS/dU."""
    current = torch.tensor([0.95, 0.25]).double().requires_grad_()
    weight = torch.tensor([0.5]).double().requires_grad_()
    settings = {"neuron": one_to_one(IF), "parameters": (1.0, 1.0, weight), "depth": -0.25}
    *_, ((membrane,), _) = feedforward(
        current.view(-1, 1, 1), torch.ones(1, 1).double(), surrogate=SuperSpike(10.0), **settings
    )
    membrane.backward()
    assert weight.grad is not None
    assert current.grad is not None
    assert weight.grad.item() == 0.0  # it did not spike, and was only near
    assert current.grad.tolist() == pytest.approx([1 + 0.5 / (10 * 0.05 + 1) ** 2, 1.0])


@pytest.mark.parametrize("neuron", [lif.neuron(), se_adlif.neuron("subtract")], ids=lambda n: n.name)
def test_both_together_are_what_they_say(neuron: Neuron) -> None:
    both = refractory(one_to_one(neuron), 3)
    assert both.states == (*neuron.states, "rest")
    assert both.names == (*neuron.names, "self_weight")
    assert equations(both).kept == (len(neuron.states),), "whether it rests, and nothing else"
    check(both)
