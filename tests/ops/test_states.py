"""The state between calls: two halves are one whole, forward and backward; a detached state truncates."""

from functools import partial

import pytest
import torch
from engine import ROUTES, assert_as_good_as_reference, run_operators
from oracle import Case, assert_as_good_as, random_case
from own_neurons import ADAPTIVE, FOR_KERNELS

from spikeloom import reference
from spikeloom.neurons import Neuron
from spikeloom.surrogates import SuperSpike

every_neuron = pytest.mark.parametrize("neuron", FOR_KERNELS, ids=lambda n: n.name)
both_routes = pytest.mark.parametrize("sparse", ROUTES.values(), ids=ROUTES)
both_layers = pytest.mark.parametrize("recurrent", [False, True], ids=["feedforward", "recurrent"])


@every_neuron
@both_layers
@both_routes
@pytest.mark.parametrize("cut", [1, 11])
def test_two_halves_are_one_whole(neuron: Neuron, recurrent: bool, sparse: bool, cut: int) -> None:
    """Gradients flow through states and spikes at the cut, into what came before it."""
    # A gentle surrogate: a steep one turns one rounding of a membrane next to its threshold into the largest error.
    settings = {"neuron": neuron, "recurrent": recurrent, "bias": True, "surrogate": SuperSpike(1.0)}
    cases = [random_case(per_neuron=True, seed=seed, **settings) for seed in range(4)]  # type: ignore[arg-type]
    assert_as_good_as_reference(cases, partial(run_operators, sparse=sparse, cut=cut))


@both_layers
@both_routes
def test_a_detached_state_truncates(recurrent: bool, sparse: bool) -> None:
    case = random_case(neuron=ADAPTIVE, recurrent=recurrent)
    got = run_operators(case, sparse=sparse, cut=8, detach=True)
    for name, want32, want64 in zip(
        ("d_weight", "d_recurrent_weight")[: 1 + recurrent],
        truncated(case.to(torch.float32), cut=8),
        truncated(case, cut=8),
        strict=True,
    ):
        assert_as_good_as(got[name], want32, want64, name)
    whole = run_operators(case, sparse=sparse, cut=8)
    assert torch.equal(whole["spikes"], got["spikes"])
    assert not torch.allclose(whole["d_weight"], got["d_weight"], atol=0.01)


def truncated(case: Case, *, cut: int) -> tuple[torch.Tensor, ...]:
    """The reference's gradients by the weights, with the graph cut after so many steps."""
    weights = [w.clone().requires_grad_() for w in (case.weight, case.recurrent_weight) if w is not None]
    operation = reference.feedforward if case.recurrent_weight is None else reference.recurrent
    state, outputs, upstream = None, [], []
    for part in (slice(0, cut), slice(cut, None)):
        spikes, _, _, (states, spike) = operation(
            case.x[part],
            *weights,
            None,
            state,
            neuron=case.neuron,
            parameters=case.parameters,
            depth=case.depth,
            surrogate=case.surrogate,
        )
        state = (tuple(value.detach() for value in states), spike.detach())
        outputs.append(spikes)
        upstream.append(case.d_spikes[part])
    torch.autograd.backward([*outputs, *states], [*upstream, *case.d_states])
    return tuple(weight.grad for weight in weights if weight.grad is not None)
