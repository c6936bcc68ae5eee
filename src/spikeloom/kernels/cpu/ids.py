"""From a word of bits to the ids of those that are set."""

import llvmlite.ir as ir
from llvmlite import binding
from numba import types
from numba.extending import intrinsic, overload

from spikeloom.kernels.cpu.bits import popcount, trailing_zeros
from spikeloom.kernels.cpu.compile import inlined
from spikeloom.kernels.cpu.simd import BLOCK, at_index, call

LANES = 16
_I8, _I32 = ir.IntType(8), ir.IntType(32)
_ZERO, _ONE, _FOUR, _EIGHT = types.uint64(0), types.uint64(1), types.uint64(4), types.uint64(8)
_MANY = types.uint64(LANES)

PACKS_BYTES = binding.get_host_cpu_features().get("avx512vbmi2", False)


def write_ids(word, base, ids, at, behind):
    """Write `base` and the place of each set bit, ascending, from `ids[at]` on; where the next ids go.

    Places up to `behind` may hold anything afterwards.
    """


@overload(write_ids, inline="never")
def _write_ids(word, base, ids, at, behind):
    if PACKS_BYTES:
        return by_vector
    return lambda word, base, ids, at, behind: by_fours(word, base, ids, at, behind)


def by_vector(word, base, ids, at, behind):
    """Up to 16 by packing the places of all 64 bits at once; words with more of them are rare."""
    count = popcount(word)
    if count > _MANY:
        return by_fours(word, base, ids, at, behind)
    _write_vector(word, base, ids, at, count)
    return at + count


@inlined
def by_fours(word, base, ids, at, behind):
    """Four at a time, however many there are: a branch for each bit would mostly be foretold wrongly."""
    end = at + popcount(word)
    if at + _FOUR <= behind:
        word = _write_four(word, base, ids, at)
        while word != _ZERO and at + _EIGHT <= behind:
            at += _FOUR
            word = _write_four(word, base, ids, at)
        at += _FOUR
    while word != _ZERO:
        ids[at] = types.uint32(base + trailing_zeros(word))
        at += _ONE
        word &= word - _ONE
    return end


@inlined
def _write_four(word, base, ids, at):
    for i in range(4):
        ids[at + types.uint64(i)] = types.uint32(base + trailing_zeros(word))
        word &= word - _ONE
    return word


@intrinsic
def _write_vector(typing, word, base, ids, at, count):
    """Write up to 16 ids and nothing behind them: the numbers 0 to 63, packed as bytes, the first of them widened."""

    def generate(context, builder, signature, arguments):
        octets, numbers = ir.VectorType(_I8, BLOCK), ir.VectorType(_I32, LANES)
        mask = builder.bitcast(arguments[0], ir.VectorType(ir.IntType(1), BLOCK))
        places, zero = ir.Constant(octets, list(range(BLOCK))), ir.Constant(octets, [0] * BLOCK)
        packed = call(builder, f"llvm.x86.avx512.mask.compress.v{BLOCK}i8", octets, [places, zero, mask])
        low = builder.shuffle_vector(packed, packed, ir.Constant(numbers, list(range(LANES))))
        undefined = ir.Constant(numbers, ir.Undefined)
        first = builder.insert_element(undefined, builder.trunc(arguments[1], _I32), _I32(0))
        bases = builder.shuffle_vector(first, undefined, ir.Constant(numbers, [0] * LANES))
        found = builder.add(builder.zext(low, numbers), bases)
        index = at_index(context, builder, signature, arguments, 3)
        pointer = builder.gep(context.make_array(ids)(context, builder, arguments[2]).data, [index])
        counted = builder.sub(builder.shl(_I32(1), builder.trunc(arguments[4], _I32)), _I32(1))
        written = builder.bitcast(builder.trunc(counted, ir.IntType(LANES)), ir.VectorType(ir.IntType(1), LANES))
        pointer = builder.bitcast(pointer, numbers.as_pointer())
        call(builder, f"llvm.masked.store.v{LANES}i32.p0", ir.VoidType(), [found, pointer, _I32(4), written])
        return context.get_dummy_value()

    return types.none(types.uint64, types.uint64, ids, types.uint64, types.uint64), generate
