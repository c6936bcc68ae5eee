"""Kernel calls of a step, recorded with their arguments so that each can be timed by itself.

The operators run all kernels through `workers.run`; while that is recorded, nothing else changes.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeloom.kernels.cpu import workers
from spikeloom.kernels.cpu.sources import Gathered, Scattered, Sums


@dataclass(frozen=True)
class Call:
    """A call of a kernel: on how many threads, with what, and how long it took within the step."""

    threads: int
    kernel: Any
    arguments: tuple[Any, ...]
    seconds: float

    @property
    def name(self) -> str:
        """`module.function`."""
        function = self.kernel.py_func
        return f"{function.__module__.rpartition('.')[2]}.{function.__name__}"

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the arguments; the task counter, which workers add, is none of them."""
        code = self.kernel.py_func.__code__
        return tuple(code.co_varnames[1 : code.co_argcount])

    def get(self, parameter: str) -> Any:
        """An argument by its name, or None where the kernel takes no such thing."""
        names = self.parameters
        return self.arguments[names.index(parameter)] if parameter in names else None

    def without_d_input(self) -> "Call | None":
        """The same call with no room for the gradients by the inputs, or None where they are not wanted anyway.

        Neurons that hear each other always need those by their own spikes: without, none of them is in its window.
        """
        names, sink, d_input = self.parameters, self.get("sink"), self.get("d_input")
        if self.name == "adjoint.backward":
            outside, record = self.get("outside"), self.get("record")
            nowhere = np.zeros_like(record.near)
            changed: dict[str, Any] = {
                "outside": outside._replace(d_input=_no_room(outside.d_input)),
                "record": record._replace(near=nowhere, kept=nowhere),
            }
        elif isinstance(sink, Scattered) and sink.d_input.total.size:
            nothing = Sums(_no_room(sink.d_input.parts), sink.d_input.total[:0])
            changed = {"sink": sink._replace(d_input=nothing)}
        elif d_input is not None and d_input.size:
            changed = {"d_input": _no_room(d_input)}
        else:
            return None
        arguments = tuple(changed.get(name, value) for name, value in zip(names, self.arguments, strict=True))
        return Call(self.threads, self.kernel, arguments, self.seconds)

    def _counters(self) -> Iterator[np.ndarray]:
        """What a call counts up from zero: tasks that are done, tables that are taken."""
        yield from (self.get(name) for name in ("done", "counted") if name in self.parameters)
        if isinstance(self.get("sink"), Scattered):
            yield self.get("sink").taken
        yield from self.get("team") or ()

    def replay(self) -> float:
        """Make the call again; how long it took."""
        for counters in self._counters():
            counters[:] = 0
        start = time.perf_counter()
        workers.run(self.threads, self.kernel, *self.arguments)
        return time.perf_counter() - start


@contextmanager
def recorded(calls: list[Call]) -> Iterator[None]:
    """Append every kernel call to the list while the context lasts."""
    run: Callable[..., None] = workers.run

    def record(threads: int, kernel: Any, *arguments: Any) -> None:
        start = time.perf_counter()
        run(threads, kernel, *arguments)
        calls.append(Call(threads, kernel, arguments, time.perf_counter() - start))

    workers.run = record
    try:
        yield
    finally:
        workers.run = run


def rows_moved(call: Call) -> dict[str, int]:
    """How many rows a call gathers for each block of neurons: weights ("forward", "dx"), or adjoints ("dw")."""
    source, sink = call.get("source"), call.get("sink")
    if isinstance(source, Gathered):
        own = _heard(call.get("spikes"), call) if call.name == "recurrent.forward" else 0
        return {"forward": int(source.spike_count.sum()) + own}
    if isinstance(sink, Scattered):
        return {"dw": int(sink.spike_count.sum()), "dx": sink.d_input.total.size}
    if call.name == "adjoint.backward":
        record, outside = call.get("record"), call.get("outside")
        entries = outside.ids.size if outside.d_input.size else 0
        own = _heard(record.spikes, call)
        return {"dw": int(outside.spike_count.sum()) + own, "dx": entries + _heard(record.near, call)}
    return {}


def _heard(words: np.ndarray, call: Call) -> int:
    """How many spikes, or neurons in their window, have a next step in which the layer hears them."""
    earlier = words.reshape(len(words), -1, call.get("steps"))[:, :, :-1]
    return int(np.bitwise_count(earlier).sum())


def _no_room(d_input: np.ndarray) -> np.ndarray:
    return np.empty((d_input.shape[0], 0), d_input.dtype)
