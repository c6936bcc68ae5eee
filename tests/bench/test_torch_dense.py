"""Plain torch's variants compute the same network."""

import pytest
import torch

from spikeloom.bench import contender
from spikeloom.bench.problem import Problem
from spikeloom.bench.torch_dense import VARIANTS
from spikeloom.neurons import lif
from spikeloom.reference.feedforward import feedforward
from spikeloom.reference.readout import readout
from spikeloom.reference.recurrent import recurrent
from spikeloom.surrogates import SuperSpike


def stepped(name: str, made: Problem) -> contender.Contender:
    trainer = contender.make(name, made)
    trainer.step()
    return trainer


def test_fp32_variants_agree(made: Problem) -> None:
    one, other = stepped("per_step_fp32", made), stepped("folded_fp32", made)
    torch.testing.assert_close(one.logits(), other.logits(), rtol=1e-4, atol=1e-5)
    for a, b in zip(one.parameters, other.parameters, strict=True):
        assert a.grad is not None
        assert a.grad.abs().sum() > 0
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_spike_as_often_as_the_problem_says(name: str, made: Problem) -> None:
    expected = [layer.activity for layer in made.layers]
    assert contender.make(name, made).activity() == pytest.approx(expected, rel=0.02 if "fp32" in name else 0.2)


@pytest.mark.parametrize("name", VARIANTS)
def test_steps_leave_weights_and_activity_as_they_are(name: str, made: Problem) -> None:
    trainer = contender.make(name, made)
    before = [p.detach().clone() for p in trainer.parameters]
    trainer.step()
    trainer.step()
    for a, b in zip(before, trainer.parameters, strict=True):
        assert torch.equal(a, b)
        assert trainer.optimizer.state[b]["exp_avg"].abs().sum() > 0


def test_the_gradient_is_that_of_the_reference_without_a_window(made: Problem) -> None:
    w, x = made.workload, made.spikes.dense()
    neuron = {
        "neuron": lif.neuron("zero"),
        "parameters": (w.beta, w.gain, w.threshold),
        "depth": -float("inf"),
        "surrogate": SuperSpike(w.slope),
    }
    weights = [layer.weight.clone().requires_grad_() for layer in made.layers]
    for weight, layer in zip(weights, made.layers, strict=True):
        if layer.recurrent is None:
            x = feedforward(x, weight, **neuron)[0]
        else:
            x = recurrent(x, weight, layer.recurrent, **neuron)[0]
    logits = readout(x, made.readout, beta=w.beta, gain=w.gain)[0].sum(0)
    torch.nn.functional.cross_entropy(logits, made.labels).backward()
    ours = stepped("folded_fp32", made)
    torch.testing.assert_close(ours.logits(), logits, rtol=1e-4, atol=1e-5)
    for weight, parameter in zip(weights, ours.parameters[1:], strict=False):  # the first is the readout's
        torch.testing.assert_close(parameter.grad, weight.grad, rtol=1e-3, atol=1e-6)


def test_steps_take_time_in_three_phases(made: Problem) -> None:
    assert all(seconds > 0 for seconds in contender.make("folded_fp32", made).timed_step())
