"""A GPU that is not there: tensors without numbers that say they lie on one, and the gradients that flow among them."""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from kernels.cuda.launches import kernel_modules
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.function import BackwardCFunction
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from spikeloom.ops import operator

GPU = torch.device("cuda:0")
WAITING = ("_local_scalar_dense", "nonzero", "item", "masked_select", "is_nonzero", "equal", "_unique2")
"""Operations of torch's that ask for a value, or for a size that depends on values."""
_CUDA, _META = 1, 14
"""Places of kinds of devices in torch's table of guards."""


@contextmanager
def fake_gpu(**settings: Any) -> Iterator[None]:
    """While open, tensors without numbers can lie on a GPU; a question for their numbers raises.

    A torch that is built for the CPU alone lacks the guard of a GPU, which keeps to the current one. The guard of
    devices without memory does nothing, and stands in for it.
    """
    library = Path(torch.__file__).parent / "lib" / "libc10.so"
    if not library.exists():
        pytest.skip("torch's table of guards is found on Linux alone")
    table = "_ZN3c104impl26device_guard_impl_registryE"
    guards = (ctypes.c_void_p * (_META + 1)).in_dll(ctypes.CDLL(str(library)), table)
    before = guards[_CUDA]
    if before is None:
        guards[_CUDA] = guards[_META]
    try:
        with FakeTensorMode(allow_non_fake_inputs=True, **settings):
            yield
    finally:
        guards[_CUDA] = before


def launch_nothing(patch: pytest.MonkeyPatch) -> None:
    """Let operators do all that they do on a GPU but launch kernels, whose tensors have to lie there.

    What a kernel writes is allocated before it, so that shapes are right without it.
    """
    pytest.importorskip("triton", reason="Triton has no wheel for this system")
    import spikeloom.ops.cuda  # noqa: F401 registers what operators do there

    def check(kernel: Any, grid: tuple[int, ...], *arguments: Any, **constants: Any) -> None:
        assert all(isinstance(size, int) for size in grid)
        for x in arguments:
            assert not isinstance(x, Tensor) or x.is_cuda, f"{kernel}: a tensor on {x.device}"

    for module in kernel_modules():
        patch.setattr(module, "launch", check)
    # As for tensors of a GPU, operators go past torch's dispatcher, which would ask for their shapes alone.
    patch.setattr(operator, "_is_traced", lambda: False)
    patch.setattr(operator, "_is_plain", lambda value: True)


class Capturable(TorchDispatchMode):
    """Refuses what no CUDA graph can hold: questions to the GPU, and tensors of the CPU, to take or to copy."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func.overloadpacket.__name__ not in WAITING, f"{func} asks the GPU"
        out = func(*args, **(kwargs or {}))
        assert {x.device for x in _tensors((args, kwargs, out))} <= {GPU}, f"{func} takes or gives a tensor of the CPU"
        return out


class Answered(TorchDispatchMode):
    """Answers questions to the GPU: so many entries are not zero wherever one asks, all is true, and a number is one.

    Tensors of the CPU are as little wanted, but for single numbers among themselves; copies of others where they are
    allowed, as to check settings.

    Args:
        copies: whether tensors of the CPU may come there.
        answers: to the first questions, in place of true.
    """

    entries = 7

    def __init__(self, *, copies: bool = False, answers: Sequence[bool] = ()) -> None:
        super().__init__()
        self.copies, self.answers = copies, iter(answers)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, x = func.overloadpacket.__name__, args[0] if args else None
        if name == "_local_scalar_dense":
            return next(self.answers, True) if x.dtype is torch.bool else 1
        if name == "nonzero":
            return x.new_empty(self.entries, x.dim(), dtype=torch.int64)
        if name == "index" and any(i is not None and i.dtype is torch.bool for i in args[1]):
            return x.new_empty(self.entries)
        out = func(*args, **(kwargs or {}))
        found = _tensors((args, kwargs, out))
        single = all(not y.is_cuda and (y.dim() == 0 or self.copies) for y in found)
        copied = self.copies and name in ("_to_copy", "lift_fresh")
        assert single or copied or {y.device for y in found} == {GPU}, f"{func} takes or gives a tensor of the CPU"
        return out


def _tensors(tree: Any) -> list[Tensor]:
    return [x for x in tree_leaves(tree) if isinstance(x, Tensor)]


@torch.no_grad()
def backward(loss: Tensor) -> None:
    """What autograd's engine does, which refuses a GPU that is not there."""
    assert loss.grad_fn is not None
    found: dict[Any, list[Tensor | None]] = {loss.grad_fn: [torch.ones_like(loss)]}
    for node in _in_order(loss.grad_fn):
        upstream = found.pop(node)
        if hasattr(node, "variable"):
            node.variable.grad = _sum(node.variable.grad, upstream[0], node.variable)
            continue
        edges = [edge for edge in node.next_functions if edge[0] is not None]
        for (after, place), gradient in zip(edges, _gradients(node, upstream), strict=True):
            sums = found.setdefault(after, [None] * len(after._input_metadata))
            sums[place] = _sum(sums[place], gradient, after._input_metadata[place])


def _in_order(first: Any) -> list[Any]:
    """The nodes of a graph, each before those that its gradients reach."""
    done: dict[Any, None] = {}

    def visit(node: Any) -> None:
        if node is not None and node not in done:
            for after, _ in node.next_functions:
                visit(after)
            done[node] = None

    visit(first)
    return list(done)[::-1]


def _sum(before: Tensor | None, gradient: Tensor | None, like: Any) -> Tensor | None:
    if gradient is None:
        return before
    assert gradient.device == like.device
    gradient = gradient.sum_to_size(tuple(like.shape)).to(like.dtype)
    return gradient if before is None else before + gradient


def _gradients(node: Any, upstream: list[Tensor | None]) -> list[Tensor | None]:
    """Those that a node gives for its inputs that want one."""
    own = isinstance(node, BackwardCFunction)
    results = node.apply(*upstream) if own else node(*upstream)
    results = results if isinstance(results, tuple) else (results,)
    wanted = node.needs_input_grad if own else [after is not None for after, _ in node.next_functions]
    return [gradient for gradient, want in zip(results, wanted, strict=True) if want]
