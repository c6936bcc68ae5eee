"""Memory for gradients and other large tensors, taken again at the next step.

A network's gradients are freed and made anew at each step. Fresh memory comes from the system page after page, zeroed:
for 46 million weights that is 27 thousand pages, a third of the step.
"""

import math
import mmap
import os
import sys
import threading
from collections import defaultdict

import numpy as np
import torch
from torch import Tensor

LEAST = 1 << 18
"""Bytes; less than this the allocator keeps by itself."""
FINE = 3
"""Sizes are rounded up to one of 2^3 in an octave: what differs a little from step to step finds its memory again."""
_HUGE = 1 << 21
# Python shares pages with forked children unless told otherwise, and shared ones are never huge.
_OWN_PAGES: dict[str, int] = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}

_kept: defaultdict[int, list[np.ndarray]] = defaultdict(list)
_lock = threading.Lock()
_most = 0
"""Bytes that were in use at once."""


def recycled(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """A tensor not yet written, in memory that an earlier one of about the size has given up, if there is any.

    As much may lie idle as was in use at most: networks that take turns keep their own. Beyond, it is handed back.
    """
    size = dtype.itemsize * math.prod(shape)
    if size < LEAST:
        return torch.empty(shape, dtype=dtype)
    step = 1 << (size.bit_length() - 1 - FINE)
    size = -(-size // step) * step
    if not _COUNTS:
        return torch.empty(shape, dtype=dtype)
    with _lock:
        for array, idle in _idle(_kept[size]):
            if idle:
                return _shown(array, shape, dtype)
        _hand_back(size)
        array = mapped(size)
        _kept[size].append(array)
        return _shown(array, shape, dtype)


def _hand_back(wanted: int) -> None:
    """Drop idle memory where, with what is wanted, there would be over twice of what was ever in use at once."""
    global _most
    held = sum(size * len(arrays) for size, arrays in _kept.items())
    idle = sum(size for size, arrays in _kept.items() for _, idle in _idle(arrays) if idle)
    _most = max(_most, held - idle + wanted)
    if held + wanted > 2 * _most:
        for arrays in _kept.values():
            arrays[:] = [array for array, idle in _idle(arrays) if not idle]


def _references(arrays: list[np.ndarray]) -> list[int]:
    """How many references there are to each; some are this function's own, how many depends on the interpreter."""
    return [sys.getrefcount(array) for array in arrays]


def _idle(arrays: list[np.ndarray]) -> list[tuple[np.ndarray, bool]]:
    """Each array, and whether nobody but the list has it."""
    return [(array, count <= _ALONE) for array, count in zip(arrays, _references(arrays), strict=True)]


def _shown(array: np.ndarray, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(array[: math.prod(shape) * dtype.itemsize]).view(dtype).view(shape)


def mapped(size: int) -> np.ndarray:
    """So many bytes on pages of the system's own, on huge ones where it has any and most of one is wanted."""
    huge = 2 * size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE")
    pages = mmap.mmap(-1, size + _HUGE if huge else size, **_OWN_PAGES)
    if not huge:
        return np.frombuffer(pages, np.uint8)
    pages.madvise(mmap.MADV_HUGEPAGE)
    first = -np.frombuffer(pages, np.uint8).ctypes.data % _HUGE
    # Not a slice: a tensor made of one would count as a user of the whole, not of the slice that the pool keeps.
    return np.frombuffer(pages, np.uint8, size, first)


def _counts() -> tuple[int, bool]:
    """How many references a list's array has here, and whether a tensor that looks at it counts as one more."""
    arrays = [np.frombuffer(bytearray(8), np.uint8)]
    alone = _references(arrays)[0]
    tensor = _shown(arrays[0], (8,), torch.uint8)
    return alone, tensor.numel() == 8 and _references(arrays)[0] > alone


_ALONE, _COUNTS = _counts()


def _renew() -> None:
    """A forked child may have been made while another thread held the lock."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
