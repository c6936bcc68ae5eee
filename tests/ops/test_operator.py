"""Operators without the dispatcher: who may pass by it, and what torch promises all the same."""

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from spikeloom import Spikes, ops
from spikeloom.nn.blocked import to_blocks


def given() -> tuple[Tensor, ...]:
    """The arguments of a product with 5 inputs and 3 outputs."""
    x = Spikes.from_dense((torch.rand(4, 2, 5, generator=torch.Generator().manual_seed(0)) < 0.5).float())
    weight = to_blocks(torch.randn(3, 5, generator=torch.Generator().manual_seed(1))).requires_grad_()
    return x.ids, x.row_start, x.spike_count, x.active, weight


class Seen(TorchDispatchMode):
    """Keeps the names of the operators that torch's dispatcher sees."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.names.append(func.name())
        return func(*args, **(kwargs or {}))


class Subclass(Tensor):
    """A tensor of another kind."""


def test_the_result_is_the_dispatchers() -> None:
    eager, traced = given(), given()
    short, long = ops.product(*eager), torch.ops.spikeloom.product(*traced)
    assert torch.equal(short, long)
    for out in (short, long):
        out.pow(2).sum().backward()
    assert eager[-1].grad is not None
    assert torch.equal(eager[-1].grad, traced[-1].grad)


def test_modes_see_every_call() -> None:
    with Seen() as mode:
        ops.product(*given())
    assert "spikeloom::product" in mode.names


def test_tensors_of_other_kinds_go_through_the_dispatcher() -> None:
    *rows, weight = given()
    seen = []

    class Watched(Subclass):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            seen.append(str(func))
            return super().__torch_function__(func, types, args, kwargs)

    out = ops.product(*rows, weight.detach().as_subclass(Watched))
    assert any("spikeloom" in name for name in seen)
    assert torch.equal(out.as_subclass(Tensor), ops.product(*rows, weight.detach()))


def test_without_gradients_nothing_is_saved() -> None:
    with torch.no_grad():
        assert ops.product(*given()).grad_fn is None


def test_a_second_derivative_is_refused() -> None:
    *rows, weight = given()
    (first,) = torch.autograd.grad(ops.product(*rows, weight).pow(2).sum(), weight, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()
