"""Between tensors and the arrays that CPU kernels take; imports the kernels' compiler when it is first needed."""

import importlib
import math
import threading
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikeloom.ops import openmp
from spikeloom.ops.pool import mapped

BLOCK = 64
# Work is cut into at least so many tasks, whatever the number of threads, so that results do not depend on it.
TASKS = 8
LINE = 16
"""Floats in a line of the cache."""
GRAIN = 1 << 16
"""Floats; room that lasts is a multiple of it, so that a little more is there already."""
CHUNK_ROWS = 2400
"""So many rows of a block's gradients, 600 KB, stay in a core's L2 cache beside the block's weights."""


@cache
def kernels(name: str) -> ModuleType:
    """The module of CPU kernels of that name."""
    return importlib.import_module(f"spikeloom.kernels.cpu.{name}")


@cache
def width() -> Any:
    """The width of this machine's vector registers."""
    return kernels("simd").host_width()


def run(kernel: Any, *arguments: Any, small: bool = False) -> None:
    """Run a kernel on as many threads as torch is set to.

    Args:
        kernel: what to run.
        arguments: of the kernel, after its task counter.
        small: the calling thread alone is done with the work before another could wake, within some 50 microseconds.
    """
    threads = 1 if small else torch.get_num_threads()
    if threads > 1:
        openmp.release()
    kernels("workers").run(threads, kernel, *arguments)


def array(x: Tensor) -> np.ndarray:
    """The tensor's numbers, not copied."""
    return x.detach().numpy()


def flat(x: Tensor) -> np.ndarray:
    """The same in one dimension."""
    return x.detach().numpy().reshape(-1)


def unsigned(x: Tensor) -> np.ndarray:
    """An integer tensor as unsigned numbers of its size: kernels index by these, and read bits from 64 of them."""
    numbers = x.detach().numpy()
    return numbers.view(f"u{numbers.dtype.itemsize}")


_own = threading.local()


def scratch(size: int) -> np.ndarray:
    """So many floats of room, the same at each call of a thread, on huge pages where the system has any.

    Fresh memory would be zeroed by the system page after page, at each step; and a random read out of 600 KB takes
    half the time where it needs no more than one entry of the processor's table of pages.
    """
    if getattr(_own, "room", np.empty(0)).size < size:
        _own.room = mapped(4 * -(-size // GRAIN) * GRAIN).view(np.float32)
    own: np.ndarray = _own.room[:size]
    return own


def room(*shape: int) -> np.ndarray:
    """Floats not yet written, which begin at a boundary of 64 bytes.

    NumPy promises 16 alone, and a row of 64 numbers that does so takes one line of the cache more with each of its
    vectors: sums of such rows take twice the time.
    """
    return _aligned(np.empty(math.prod(shape) + LINE, np.float32), shape)


def _aligned(raw: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    first = -raw.ctypes.data // raw.itemsize % LINE
    return raw[first : first + math.prod(shape)].reshape(shape)


def lasting(name: str, *shape: int) -> np.ndarray:
    """Floats of that name, the same at each call of a thread; what is never written takes no memory.

    Not on huge pages, unlike `scratch`: a write takes 4 KB, and not 2 MB, where little of much room is used.
    """
    size = math.prod(shape)
    rooms: dict[str, np.ndarray] = vars(_own).setdefault("rooms", {})
    if name not in rooms or rooms[name].size < size:
        rooms[name] = torch.empty(size).numpy()
    return rooms[name][:size].reshape(shape)


def zeros(*shape: int) -> Tensor:
    """Zeros that no thread has to write, since fresh memory comes zeroed; at a boundary as in `room`."""
    return torch.from_numpy(_aligned(np.zeros(math.prod(shape) + LINE, np.float32), shape))


def silence(*shape: int) -> Tensor:
    """Zeros to read, never to write: always the same, and of a page that the system shares until it is written."""
    size = math.prod(shape)
    if getattr(_own, "silence", np.empty(0)).size < size:
        _own.silence = _aligned(np.zeros(size + LINE, np.float32), (size,))
    return torch.from_numpy(_own.silence[:size].reshape(shape))


def blocks_of(neurons: int) -> int:
    """How many blocks of 64 that many neurons take."""
    return -(-neurons // BLOCK)


def padded(neurons: int) -> int:
    """The number of neurons, rounded up to whole blocks."""
    return blocks_of(neurons) * BLOCK


@cache
def valid_words(neurons: int) -> np.ndarray:
    """`[N / 64]` uint64, to read: a bit for each neuron that exists."""
    exists = np.arange(padded(neurons)) < neurons
    return np.packbits(exists, bitorder="little").view(np.uint64)


def spike_words(spike: Tensor | None, blocks: int, batch: int) -> np.ndarray:
    """`[N / 64, B]` uint64 from zeros and ones `[B, N]`, N a multiple of 64; no bit is set where None is given."""
    if spike is None:
        return np.zeros((blocks, batch), np.uint64)
    bits = np.packbits(np.ascontiguousarray(array(spike)) != 0, axis=1, bitorder="little").view(np.uint64)
    return np.ascontiguousarray(bits.T)


def sample_groups(blocks: int, batch: int) -> int:
    """Into how many groups samples are cut: one where there are blocks enough to share out."""
    return max(1, min(batch, -(-TASKS // blocks)))


@cache
def chunk_bounds(groups: int, batch: int, steps: int) -> np.ndarray:
    """The samples at which chunks begin, as many in each group, each of a few thousand rows.

    `[chunks + 1]` int64, to read.
    """
    chunks = min(max(1, batch // groups), -(-batch * steps // (groups * CHUNK_ROWS)))
    group = np.arange(groups + 1) * batch // groups
    within = group[:-1, None] + np.diff(group)[:, None] * np.arange(chunks) // chunks
    return np.append(within.reshape(-1), batch)


def block_parts(blocks: int, *, shared_sums: bool) -> int:
    """Into how many parts blocks are cut; where they add to sums of one another, each part keeps sums of its own."""
    return min(blocks, TASKS) if shared_sums else blocks
