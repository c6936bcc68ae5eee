"""The host's own limits: how fast any kernel could gather weight rows, or copy memory.

A forward kernel must at least load each row of 64 floats (256 bytes) that its ids name, and add it to a sum in
registers. The loops here do that and nothing else, on tables that lie on huge pages, in several forms: a row at a
time, two at a time, two at a time with prefetches ahead. The fastest run of the fastest form is the limit. With 16
lanes a row at a time wins out of L2 (its four sums already hide the latency of an addition), prefetches win out of L3.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir
import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from spikeloom.bench import host
from spikeloom.kernels.cpu import workers
from spikeloom.kernels.cpu.bits import take_next
from spikeloom.kernels.cpu.compile import FLAGS
from spikeloom.kernels.cpu.simd import BLOCK, add, full, host_width, load, store
from spikeloom.ops.pool import mapped

ROW_BYTES = 4 * BLOCK
AHEAD = 16
_LINE_BYTES = 64
_REPEATS = 7


@dataclass(frozen=True)
class Limits:
    """Bandwidths in GB/s (1e9 bytes a second), of all threads together.

    Args:
        threads: how many worked at once.
        l2_gather: random rows of 256 bytes from a table of `l2_bytes` for each thread.
        l3_gather: the same from `l3_bytes`.
        copy: bytes read and bytes written by a copy of memory.
        l2_bytes: at most 512 KiB, which a block of 64 neurons takes in the case nmnist, and half of L2.
        l3_bytes: 32 MiB, or less where L3 is small.
    """

    threads: int
    l2_gather: float
    l3_gather: float
    copy: float
    l2_bytes: int
    l3_bytes: int


def measure(threads: int, *, budget_s: float = 0.02) -> Limits:
    """Measure the host's limits.

    Args:
        threads: how many work at once, each on a table of its own.
        budget_s: about how long one run takes; each form runs seven times.
    """
    l2_bytes = min(512 << 10, (host.cache_bytes(2) or 1 << 20) // 2)
    l3_bytes = max(4 * l2_bytes, min(32 << 20, (host.cache_bytes(3) or 64 << 20) // (2 * threads)))
    return Limits(
        threads,
        gather(l2_bytes, threads, budget_s=budget_s),
        gather(l3_bytes, threads, budget_s=budget_s),
        copy(64 << 20, threads),
        l2_bytes,
        l3_bytes,
    )


def gather(table_bytes: int, threads: int, *, budget_s: float = 0.02) -> float:
    """GB/s of random 256-byte rows, from a table of that size for each thread."""
    rows = table_bytes // ROW_BYTES
    table = huge_pages(threads * rows * BLOCK)
    table.fill(1.0)
    ids = np.random.default_rng(0).integers(0, rows, max(rows, 1 << 14), dtype=np.uint32)
    sums = huge_pages(threads * BLOCK)
    best = 0.0
    for form in (_one_row, _two_rows, _two_rows_ahead):

        def run(passes: int, form: Callable[..., None] = form) -> float:
            return seconds(threads, form, host_width(), table, np.uint64(rows), ids, passes, sums)

        run(1)
        passes = max(1, round(budget_s / run(1)))
        rate = ROW_BYTES * ids.size * passes * threads / min(run(passes) for _ in range(_REPEATS)) / 1e9
        best = max(best, rate)
    return best


def copy(copied_bytes: int, threads: int) -> float:
    """GB/s of a copy, reading and writing counted, from one array to another of that size for each thread."""
    count = copied_bytes // 4
    source, target = huge_pages(threads * count), huge_pages(threads * count)
    source.fill(1.0)
    target.fill(0.0)
    fastest = float("inf")
    for form in (_copy, _copy_past_cache):
        seconds(threads, form, host_width(), source, target, count)
        fastest = min(fastest, *(seconds(threads, form, host_width(), source, target, count) for _ in range(3)))
    return 2 * copied_bytes * threads / fastest / 1e9


def seconds(threads: int, form: Callable[..., None], *arguments: Any) -> float:
    """How long a kernel takes on so many threads."""
    start = time.perf_counter()
    workers.run(threads, form, *arguments)
    return time.perf_counter() - start


def huge_pages(count: int) -> np.ndarray:
    """So many float32 on huge pages, where the system has them."""
    return mapped(4 * count).view(np.float32)


@intrinsic  # type: ignore[untyped-decorator]
def _prefetch(typing: Any, array: Any, index: Any) -> Any:
    """Ask for the 64 numbers from `array[index]` on to come to L1."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        i32, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        at = context.cast(builder, arguments[1], signature.args[1], types.intp)
        first = builder.bitcast(builder.gep(context.make_array(array)(context, builder, arguments[0]).data, [at]), byte)
        for offset in range(0, ROW_BYTES, _LINE_BYTES):
            line = builder.gep(first, [ir.IntType(64)(offset)])
            builder.call(function, [line, i32(0), i32(3), i32(1)])
        return context.get_dummy_value()

    return types.none(array, index), generate


@intrinsic  # type: ignore[untyped-decorator]
def _store_past_cache(typing: Any, array: Any, index: Any, block: Any) -> Any:
    """Write 64 numbers to memory without reading what lies there; the place is a multiple of 64 bytes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = context.cast(builder, arguments[1], signature.args[1], types.intp)
        data = context.make_array(array)(context, builder, arguments[0]).data
        hint = builder.module.add_metadata([ir.IntType(32)(1)])
        for i in range(BLOCK // block.lanes):
            part = builder.extract_value(arguments[2], i)
            place = builder.gep(data, [builder.add(at, ir.IntType(64)(i * block.lanes))])
            written = builder.store(part, builder.bitcast(place, part.type.as_pointer()), align=4 * block.lanes)
            written.set_metadata("nontemporal", hint)
        return context.get_dummy_value()

    return types.none(array, index, block), generate


@numba.njit(**FLAGS)
def _one_row(counter, width, table, rows, ids, passes, sums):  # type: ignore[no-untyped-def]
    me = np.uint64(take_next(counter))
    base, row = me * rows * np.uint64(BLOCK), np.uint64(BLOCK)
    a = full(width, 0.0)
    for _ in range(passes):
        for k in range(ids.size):
            a = add(a, load(width, table, base + np.uint64(ids[k]) * row))
    store(sums, me * row, a)


@numba.njit(**FLAGS)
def _two_rows(counter, width, table, rows, ids, passes, sums):  # type: ignore[no-untyped-def]
    me = np.uint64(take_next(counter))
    base, row = me * rows * np.uint64(BLOCK), np.uint64(BLOCK)
    a, b = full(width, 0.0), full(width, 0.0)
    for _ in range(passes):
        for k in range(0, ids.size, 2):
            a = add(a, load(width, table, base + np.uint64(ids[k]) * row))
            b = add(b, load(width, table, base + np.uint64(ids[k + 1]) * row))
    store(sums, me * row, add(a, b))


@numba.njit(**FLAGS)
def _two_rows_ahead(counter, width, table, rows, ids, passes, sums):  # type: ignore[no-untyped-def]
    me = np.uint64(take_next(counter))
    base, row = me * rows * np.uint64(BLOCK), np.uint64(BLOCK)
    a, b = full(width, 0.0), full(width, 0.0)
    for _ in range(passes):
        for k in range(0, ids.size, 2):
            ahead = (k + AHEAD) % ids.size
            _prefetch(table, base + np.uint64(ids[ahead]) * row)
            _prefetch(table, base + np.uint64(ids[ahead + 1]) * row)
            a = add(a, load(width, table, base + np.uint64(ids[k]) * row))
            b = add(b, load(width, table, base + np.uint64(ids[k + 1]) * row))
    store(sums, me * row, add(a, b))


@numba.njit(**FLAGS)
def _copy(counter, width, source, target, count):  # type: ignore[no-untyped-def]
    first = np.uint64(take_next(counter)) * np.uint64(count)
    for k in range(0, count, BLOCK):
        store(target, first + np.uint64(k), load(width, source, first + np.uint64(k)))


@numba.njit(**FLAGS)
def _copy_past_cache(counter, width, source, target, count):  # type: ignore[no-untyped-def]
    first = np.uint64(take_next(counter)) * np.uint64(count)
    for k in range(0, count, BLOCK):
        _store_past_cache(target, first + np.uint64(k), load(width, source, first + np.uint64(k)))
