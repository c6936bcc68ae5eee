"""Memory of a GPU, as torch's allocator counts it: what tensors take, not what it holds in reserve."""

import gc
from collections.abc import Callable

import torch


def allocated(device: torch.device) -> int:
    """Bytes of all tensors there are."""
    gc.collect()
    return torch.cuda.memory_allocated(device)


def peak_of(step: Callable[[], object], device: torch.device) -> int:
    """The most bytes of tensors that there are at a time while a step is taken."""
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    step()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device)
