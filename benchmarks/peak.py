"""Peak memory of a training step, measured in a process that does nothing else.

As `spikeloom.bench.memory` does it, in an environment that may not have spikeloom: the process

1. takes two steps on a corner of the case, so that code, threads and libraries are in place, and reads its resident
   memory;
2. builds the case itself and takes a step, which creates gradients and moments;
3. clears the system's record of the peak, takes another step and reads the peak.

The figure is the peak less the memory of 1 and less weights, gradients and moments: inputs, what the forward pass
keeps, temporaries, and what allocators and libraries take for their own ends.

On a GPU torch's allocator counts the bytes of tensors exactly, and none of this is needed.
"""

import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from benchmarks import files
from benchmarks.case import Built, Case

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
ENVIRONMENT = {
    # A threshold that is set stays: each larger block is mapped on its own, and unmapped when freed.
    "MALLOC_MMAP_THRESHOLD_": str(1 << 17),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 17),
    # No time is taken here: threads that sleep rather than spin get through on a busy machine.
    "OMP_WAIT_POLICY": "passive",
}


def measure(build: Callable[[Case], Built], path: Path) -> int | None:
    """Bytes of a step beyond weights, gradients and moments; None where the system tells no peak.

    Args:
        build: the implementation's.
        path: the case's file, of which nothing may be in memory yet.
    """
    small = build(files.tiny(files.load(path)))
    for _ in range(2):
        small.step()
    del small
    gc.collect()
    _clear()
    before = read()
    case = files.load(path)
    state_bytes, built = case.state_bytes, build(case)
    del case
    gc.collect()
    built.step()
    _clear()
    built.step()
    peak = read()
    return None if before is None or peak is None else peak - before - state_bytes


def on_gpu(build: Callable[[Case], Built], case: Case, device: str) -> tuple[Built, int]:
    """The implementation after two steps, and the bytes of the second beyond weights, gradients and moments.

    Args:
        build: the implementation's.
        case: on the CPU.
        device: the GPU.
    """
    import torch

    before = torch.cuda.memory_allocated(device)
    built = build(case.on(device))
    gc.collect()
    # Moments come to be in the first step; a graph is recorded in the second.
    built.step()
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    built.step()
    torch.cuda.synchronize(device)
    return built, torch.cuda.max_memory_allocated(device) - before - case.state_bytes


def read() -> int | None:
    """The highest resident memory of this process since it was last cleared, or of its life where it cannot be."""
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def _clear() -> None:
    """Make the present resident memory the highest so far, where the system can."""
    with suppress(OSError):
        _CLEAR.write_text("5")
