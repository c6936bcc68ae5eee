"""Memory for gradients: taken again when its tensor is gone, never while it lives, handed back when nobody wants it."""

import gc
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from spikeloom.ops import pool

SIZE = pool.LEAST // 4
"""Floats; the smallest size that the pool keeps."""
pytestmark = pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts references")


@pytest.fixture(autouse=True, scope="module")
def _only_what_is_new_is_collected() -> Iterator[None]:
    """A collection takes a second where a hundred kernels lie in memory: what is there already is left out of it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _empty_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pool, "_kept", type(pool._kept)(list))
    monkeypatch.setattr(pool, "_most", 0)
    yield
    gc.collect()


def held() -> dict[int, int]:
    """How many arrays the pool has, by their sizes in bytes."""
    return {size: len(arrays) for size, arrays in pool._kept.items() if arrays}


def test_memory_comes_back_when_its_tensor_is_gone() -> None:
    first = pool.recycled(SIZE)
    place = first.data_ptr()
    del first
    again = pool.recycled(SIZE)
    assert again.data_ptr() == place
    assert held() == {4 * SIZE: 1}


def test_another_shape_of_the_same_size_takes_it_too() -> None:
    first = pool.recycled(2, SIZE // 128, 64)
    assert (first.shape, first.dtype) == ((2, SIZE // 128, 64), torch.float32)
    place = first.data_ptr()
    del first
    other = pool.recycled(SIZE // 64, 64)
    assert (other.shape, other.data_ptr()) == ((SIZE // 64, 64), place)
    assert other.is_contiguous()


# On common pages, on a huge one that is not filled, and on several.
@pytest.mark.parametrize("size", [SIZE, 5 * SIZE, 21 * SIZE])
def test_two_live_tensors_never_share(size: int) -> None:
    tensors = [pool.recycled(size).fill_(i) for i in range(4)]
    del tensors[1]
    tensors += [pool.recycled(size).fill_(i) for i in (4, 5)]
    assert [float(x.min()) for x in tensors] == [float(x.max()) for x in tensors] == [0, 2, 3, 4, 5]
    assert len({x.data_ptr() for x in tensors}) == 5


VIEWS = {
    "part": lambda x: x[5:9],
    "reshaped": lambda x: x.view(-1, 64),
    "detached": lambda x: x.detach(),
    "array": lambda x: x.numpy(),
    "storage": lambda x: x.untyped_storage(),
    "gradient": lambda x: x[:SIZE].requires_grad_().view_as(x),
    "saved": lambda x: (torch.ones(SIZE, requires_grad=True) * x).sum(),
}


@pytest.mark.parametrize("name", VIEWS)
def test_whatever_looks_at_a_tensors_memory_keeps_it(name: str) -> None:
    first = pool.recycled(SIZE).fill_(1)
    place, view = first.data_ptr(), VIEWS[name](first)
    del first
    gc.collect()
    assert pool.recycled(SIZE).data_ptr() != place
    del view
    gc.collect()
    assert place in {x.data_ptr() for x in (pool.recycled(SIZE), pool.recycled(SIZE))}


def test_a_parameters_gradient_keeps_it() -> None:
    """Autograd may steal a gradient or add to it; either way it is the parameter's as long as that has it."""
    parameter = torch.nn.Parameter(torch.zeros(SIZE))
    parameter.grad = pool.recycled(SIZE).fill_(3)
    place = parameter.grad.data_ptr()
    assert pool.recycled(SIZE).data_ptr() != place
    parameter.grad = None
    assert place in {x.data_ptr() for x in (pool.recycled(SIZE), pool.recycled(SIZE))}


def test_idle_memory_beyond_what_was_in_use_is_handed_back() -> None:
    first = pool.recycled(4 * SIZE)
    del first
    second = pool.recycled(3 * SIZE)
    assert held() == {16 * SIZE: 1, 12 * SIZE: 1}, "as much lies idle as was in use at once"
    del second
    third = pool.recycled(2 * SIZE)
    assert held() == {8 * SIZE: 1}, "more than that does not"
    assert third.numel() == 2 * SIZE


def test_what_is_there_makes_nothing_go() -> None:
    first, second = pool.recycled(SIZE), pool.recycled(2 * SIZE)
    del first, second
    kept = pool.recycled(2 * SIZE)
    assert held() == {4 * SIZE: 1, 8 * SIZE: 1}
    assert kept.numel() == 2 * SIZE


@pytest.mark.parametrize("floats", [0, 1, SIZE - 1])
def test_little_memory_is_the_allocators(floats: int) -> None:
    assert pool.recycled(floats).shape == (floats,)
    assert held() == {}


@pytest.mark.parametrize("floats", [SIZE, SIZE + 1, (1 << 19) - 1, 1 << 19, (1 << 20) + 3])
def test_all_of_it_can_be_written_from_a_line_of_the_cache_on(floats: int) -> None:
    x = pool.recycled(floats)
    assert x.data_ptr() % 64 == 0
    x.fill_(2)
    assert float(x.double().sum()) == 2 * floats


def test_several_threads_never_share() -> None:
    barrier = threading.Barrier(4, timeout=20)

    def take(mark: int) -> bool:
        barrier.wait()
        good = True
        for _ in range(50):
            mine = [pool.recycled(SIZE).fill_(mark), pool.recycled(2 * SIZE).fill_(mark)]
            good &= all(bool((x == mark).all()) for x in mine)
        return good

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(take, range(1, 5)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("size", [SIZE, 21 * SIZE])
def test_a_forked_child_writes_into_memory_of_its_own(size: int) -> None:
    mine = pool.recycled(size).fill_(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on warns of any fork beside threads
        child = os.fork()
    if child == 0:
        mine.numpy()[:] = 2
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert bool((mine == 1).all())


def test_without_counts_of_references_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pool._COUNTS, "CPython counts them"
    monkeypatch.setattr(pool, "_COUNTS", False)
    tensors = [pool.recycled(SIZE).fill_(i) for i in range(3)]
    assert [float(x.max()) for x in tensors] == [0, 1, 2]
    assert held() == {}
