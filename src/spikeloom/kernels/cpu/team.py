"""Workers in step: phases of work, each of which begins when the one before has ended.

Every phase is cut into as many shares as there are workers. A worker takes its own share first, so that what the share
reads is in its core's cache from the phase before, and then the shares of those that have not come yet: nothing waits
for a thread that does not run, but for one that was interrupted in the middle of a share.
"""

import os
from typing import Any, NamedTuple

import llvmlite.ir as ir
import numpy as np
from numba import types
from numba.extending import intrinsic

from spikeloom.kernels.cpu.bits import finished
from spikeloom.kernels.cpu.compile import inlined
from spikeloom.kernels.cpu.simd import at_index, call

# Looks at a counter before the core is offered to other threads: some ten microseconds, longer than a phase lags.
PATIENCE = 1 << 13
_I32, _I64 = ir.IntType(32), ir.IntType(64)


class Team(NamedTuple):
    """What the workers of a kernel share: `taken` [phases, shares], `done` [phases] and `used` [2], int64 zeros.

    The first two say which shares of a phase have been taken, and how many are done; see `reserve` for the last.
    """

    taken: Any
    done: Any
    used: Any


@intrinsic
def claim(typing, flags, index):
    """Set a place of an int64 array; whether it was zero. No two threads are told so."""

    def generate(context, builder, signature, arguments):
        at = at_index(context, builder, signature, arguments, 1)
        pointer = builder.gep(context.make_array(flags)(context, builder, arguments[0]).data, [at])
        before = builder.atomic_rmw("xchg", pointer, _I64(1), "monotonic")
        return builder.icmp_signed("==", before, _I64(0))

    return types.boolean(flags, index), generate


@intrinsic
def reserve(typing, counters, index, size):
    """Take so many places from a counter of an int64 array; where they begin."""

    def generate(context, builder, signature, arguments):
        at = at_index(context, builder, signature, arguments, 1)
        pointer = builder.gep(context.make_array(counters)(context, builder, arguments[0]).data, [at])
        wanted = context.cast(builder, arguments[2], size, types.int64)
        return builder.atomic_rmw("add", pointer, wanted, "monotonic")

    return types.int64(counters, index, size), generate


@intrinsic
def _give_way(typing):
    """Let another thread have the core, where the system has a call for it."""

    def generate(context, builder, signature, arguments):
        if os.name == "posix":
            call(builder, "sched_yield", _I32, [])
        return context.get_dummy_value()

    return types.none(), generate


@inlined
def wait_for(done, phase, shares):
    """Return when all shares of a phase are done; what they wrote can be read then."""
    looks = 0
    while finished(done, phase) < shares:
        looks += 1
        if looks > PATIENCE:
            _give_way()


@inlined
def part_of(count, share, shares):
    """The first of a share's units and the one behind its last, of so many in a phase."""
    return np.int64(count * share // shares), np.int64(count * (share + 1) // shares)
