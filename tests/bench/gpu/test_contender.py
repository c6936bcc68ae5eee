"""The ways of a GPU compute the same network; here on the CPU, where nothing is recorded."""

import dataclasses

import pytest
import torch
from bench.small import tiny

from spikeloom.bench import contender as on_cpu
from spikeloom.bench import problem
from spikeloom.bench.gpu import contender
from spikeloom.bench.gpu.contender import Contender
from spikeloom.bench.gpu.ways import WAYS, Way, products_in
from spikeloom.bench.problem import Problem

CPU = torch.device("cpu")
EAGER = [way for way in WAYS.values() if not way.graph and not way.compiled and way.numbers != "tf32"]


def gradients(one: Contender, made: Problem) -> list[torch.Tensor]:
    """By hidden layer's input weights, `[N, I]` each, after a step; ours are in blocks."""
    one.step()
    found = []
    for layer in made.layers:
        neurons, inputs = layer.weight.shape
        for p in one.parameters:
            grad = p.grad
            assert grad is not None
            if p.shape == layer.weight.shape:
                found.append(grad)
            elif p.dim() == 3 and p.shape == (-(-neurons // 64), inputs, 64):
                found.append(grad.transpose(0, 1).reshape(inputs, -1)[:, :neurons].T)
    return found


@pytest.mark.parametrize("way", EAGER, ids=lambda way: way.name)
def test_every_way_spikes_as_the_problem_says_and_leaves_the_weights(way: Way, made: Problem) -> None:
    one = contender.make(way, made, CPU)
    before = [p.detach().clone() for p in one.parameters]
    loss, again = one.step(), one.step()
    assert torch.equal(loss, again)
    assert one.activity() == pytest.approx([layer.activity for layer in made.layers], rel=0.02)
    assert all(torch.equal(a, b) for a, b in zip(before, one.parameters, strict=True))
    reference = on_cpu.make("folded_fp32", made)
    wanted = torch.nn.functional.cross_entropy(reference.logits().detach(), made.labels)
    assert float(loss) == pytest.approx(float(wanted), rel=1e-4 if way.numbers == "fp32" else 0.02)


@pytest.mark.parametrize("kind", ["per_step", "folded"])
def test_plain_torch_has_one_gradient(kind: str, made: Problem) -> None:
    one = contender.make(Way(kind, "fp32"), made, CPU)
    other = on_cpu.make("per_step_fp32", made)
    other.step()
    one.step()
    for a, b in zip(one.parameters, other.parameters, strict=True):
        assert a.grad is not None
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-6)


def test_both_of_our_routes_have_one_gradient() -> None:
    made = problem.make(dataclasses.replace(tiny(), batch=3))
    sparse, dense = (gradients(contender.make(Way(k, "fp32"), made, CPU), made) for k in ("spikeloom", "own_dense"))
    assert len(sparse) == len(dense) == 2
    for a, b in zip(sparse, dense, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6)


def test_names_tell_how_a_step_is_taken() -> None:
    assert Way("per_step", "bf16", compiled=True, graph=True).name == "per_step_bf16_compile_graph"
    assert len(WAYS) == len({way.name for way in WAYS.values()})
    assert not any(way.graph for way in WAYS.values() if way.kind == "spikeloom")
    # A graph has to beat a graph, and a number type its own.
    for way in WAYS.values():
        if way.kind == "own_dense" and way.graph:
            assert f"folded_{way.numbers}_graph" in WAYS


def test_tf32_is_set_while_a_step_is_taken_and_no_longer() -> None:
    before = torch.get_float32_matmul_precision()
    with products_in("tf32"):
        assert torch.get_float32_matmul_precision() == "high"
    with products_in("fp32"):
        assert torch.get_float32_matmul_precision() == "highest"
    assert torch.get_float32_matmul_precision() == before
