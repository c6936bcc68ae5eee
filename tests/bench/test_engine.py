"""The engine as a contender computes what plain torch does, but for the window."""

import pytest
import torch

from spikeloom.bench import contender
from spikeloom.bench.engine import network
from spikeloom.bench.problem import Problem


@pytest.mark.parametrize("sparse", [True, False])
def test_the_engine_has_the_problems_weights_and_outputs(sparse: bool, made: Problem) -> None:
    net = network(made, sparse=sparse)
    for layer, given in zip(net, made.layers, strict=False):
        torch.testing.assert_close(layer.weight_matrix(), given.weight, rtol=0, atol=0)
    ours = contender.make(contender.OURS if sparse else contender.OWN_DENSE, made)
    torch.testing.assert_close(ours.logits(), contender.make("folded_fp32", made).logits(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [contender.OURS, contender.OWN_DENSE])
def test_it_spikes_as_the_problem_says_and_goes_on_doing_so(name: str, made: Problem) -> None:
    trainer = contender.make(name, made)
    trainer.step()
    trainer.step()
    assert trainer.activity() == pytest.approx([layer.activity for layer in made.layers], rel=0.02)
    assert all(p.grad is not None for p in trainer.parameters)
