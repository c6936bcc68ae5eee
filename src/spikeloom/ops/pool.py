"""Memory for gradients and other large tensors, taken again at the next step.

A network's gradients are freed and made anew at each step. Fresh memory comes from the system page after page, zeroed:
for 46 million weights that is 27 thousand pages, a third of the step.
"""

import math
import mmap
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
_IDLE = 3  # references to an array that only the pool has: its list, the loop, the count itself

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
    with _lock:
        for array in _kept[size]:
            if sys.getrefcount(array) == _IDLE:
                return _shown(array, shape, dtype)
        _hand_back(size)
        array = mapped(size)
        _kept[size].append(array)
        return _shown(array, shape, dtype)


def _hand_back(wanted: int) -> None:
    """Drop idle memory where, with what is wanted, there would be over twice of what was ever in use at once."""
    global _most
    held = sum(size * len(arrays) for size, arrays in _kept.items())
    idle = sum(size for size, arrays in _kept.items() for array in arrays if sys.getrefcount(array) == _IDLE)
    _most = max(_most, held - idle + wanted)
    if held + wanted > 2 * _most:
        for arrays in _kept.values():
            arrays[:] = [array for array in arrays if sys.getrefcount(array) != _IDLE]


def _shown(array: np.ndarray, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(array[: math.prod(shape) * dtype.itemsize]).view(dtype).view(shape)


def mapped(size: int) -> np.ndarray:
    """So many bytes on pages of the system's own, on huge ones where it has any and most of one is wanted."""
    huge = 2 * size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE")
    pages = mmap.mmap(-1, size + _HUGE if huge else size)
    if not huge:
        return np.frombuffer(pages, np.uint8)
    pages.madvise(mmap.MADV_HUGEPAGE)
    first = -np.frombuffer(pages, np.uint8).ctypes.data % _HUGE
    # Not a slice: a tensor made of one would count as a user of the whole, not of the slice that the pool keeps.
    return np.frombuffer(pages, np.uint8, size, first)
