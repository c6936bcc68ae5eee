"""Large memory that is used again, step after step.

The C library gives large blocks back to the system as soon as they are free, and the system zeroes them page by page
when they are asked for again: at 40 MB of gradients and currents a step, a sixth of the dense route's time. Here a
block goes back into a pool when the last tensor that shows it is gone.
"""

import weakref

import numpy as np
import torch
from torch import Tensor

SMALL = 1 << 18
"""Bytes that the C library keeps."""

PAGE = 1 << 21
"""Bytes of a huge page, for which NumPy asks and torch does not."""

_LINE = 64
_free: dict[int, list[np.ndarray]] = {}


def pooled(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """A tensor that nothing has written yet, which begins at the boundary of a line of the cache."""
    numbers = int(np.prod(shape))
    size = numbers * dtype.itemsize
    if size < SMALL:
        return torch.empty(shape, dtype=dtype)
    blocks = _free.setdefault(-(-(size + _LINE) // PAGE) * PAGE, [])
    block = blocks.pop() if blocks else np.empty(-(-(size + _LINE) // PAGE) * PAGE, np.uint8)
    first = -block.ctypes.data % _LINE
    shown = block[first : first + size]
    weakref.finalize(shown, blocks.append, block).atexit = False
    return torch.from_numpy(shown).view(dtype).view(shape)
