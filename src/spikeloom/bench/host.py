"""The machine under measurement: its caches, its processor, and threads that flush denormal numbers."""

import os
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch

T = TypeVar("T")

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def cache_bytes(level: int) -> int | None:
    """The size of the first core's cache of a level, or None where the system does not say."""
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            kind, found, size = ((index / name).read_text().strip() for name in ("type", "level", "size"))
        except OSError:
            continue
        if kind != "Instruction" and int(found) == level:
            return int(size[:-1]) * _UNITS[size[-1]] if size[-1] in _UNITS else int(size)
    return None


def processor() -> str:
    """The processor's name, as the system has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def call_flushed(threads: int, function: Callable[..., T], *arguments: Any) -> T:
    """Call a function where torch takes denormal numbers for zero, in every thread, and uses so many threads.

    `torch.set_flush_denormal` reaches the calling thread alone. OpenMP gives each calling thread workers of its own,
    which inherit its control word when they start: so the function runs in a new thread that sets the flag first.

    Args:
        threads: torch's threads within the function.
        function: what to call.
        arguments: what to call it with.

    Raises:
        Whatever the function raises.
    """
    outcome: list[tuple[bool, Any]] = []

    def body() -> None:
        torch.set_flush_denormal(True)
        torch.set_num_threads(threads)
        try:
            outcome.append((True, function(*arguments)))
        except BaseException as failure:
            outcome.append((False, failure))

    thread = threading.Thread(target=body, name="spikeloom-bench")
    thread.start()
    thread.join()
    succeeded, value = outcome[0]
    if not succeeded:
        raise value
    result: T = value
    return result


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch work on the calling thread alone.

    A loop over time around small tensors gains nothing from threads, and on a busy machine waits for them at each step.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def flushes_denormals() -> bool:
    """Whether torch's products of tiny numbers come out as zero on all threads that the caller uses."""
    tiny = torch.full((1 << 20,), 1e-30) * 1e-10
    # A comparison would itself take a denormal number for zero.
    return int(tiny.view(torch.int32).count_nonzero()) == 0
