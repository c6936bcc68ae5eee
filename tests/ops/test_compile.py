"""Networks under torch.compile: the outputs and gradients of eager, to the bit."""

import pytest
import torch
from torch import Tensor

from spikeloom import Spikes, nn


@pytest.fixture(autouse=True)
def _fresh() -> None:
    torch._dynamo.reset()


def network(sparse: bool | str) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.LIF(30, 70, bias=True, sparse=sparse), nn.LIF(70, 65, recurrent=True, sparse=sparse), nn.LI(65, 5)
    )


def batch() -> Tensor:
    return (torch.rand(6, 4, 30, generator=torch.Generator().manual_seed(1)) < 0.3).float()


def assert_compiles(x: Spikes | Tensor, *, sparse: bool | str, fullgraph: bool) -> None:
    eager, traced = network(sparse), network(sparse)
    if fullgraph:
        traced(x)  # the first batch lays weights out, which no graph holds
    compiled = torch.compile(traced, backend="aot_eager", fullgraph=fullgraph)
    for _ in range(2):
        want, got = eager(x)[0], compiled(x)[0]
        assert torch.equal(got, want)
        want.square().sum().backward()
        got.square().sum().backward()
    gradients = [(p.grad, q.grad) for p, q in zip(eager.parameters(), traced.parameters(), strict=True)]
    for expected, actual in gradients:
        assert expected is not None
        assert actual is not None
        assert torch.equal(actual, expected)
    assert bool((gradients[0][0] != 0).any())  # type: ignore[union-attr]


@pytest.mark.parametrize("sparse", [True, False, "auto"])
def test_a_compiled_network_is_the_eager_one(sparse: bool | str) -> None:
    assert_compiles(batch(), sparse=sparse, fullgraph=False)


@torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True)
@pytest.mark.parametrize("sparse", [True, False])
def test_one_graph_where_routes_are_set_and_the_input_is_spikes(sparse: bool) -> None:
    """A tensor is looked at to see whether it is binary, which breaks the graph; and so does the choice of a route."""
    assert_compiles(Spikes.from_dense(batch()), sparse=sparse, fullgraph=True)
