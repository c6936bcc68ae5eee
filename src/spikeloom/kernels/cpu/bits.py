"""Single instructions on 64-bit words, packed numbers, counters between threads, and denormals."""

import llvmlite.ir as ir
from llvmlite import binding
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from spikeloom.kernels.cpu.simd import (
    BLOCK,
    BlockType,
    at_index,
    block_pointers,
    call,
    full,
    pack,
    parts_of,
    words_of,
)

_FLOAT, _I1, _I8, _I32, _I64 = ir.FloatType(), ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64)


@intrinsic
def popcount(typing, bits):
    """How many bits are set."""

    def generate(context, builder, signature, arguments):
        return call(builder, "llvm.ctpop.i64", _I64, [arguments[0]])

    return types.uint64(types.uint64), generate


@intrinsic
def trailing_zeros(typing, bits):
    """The place of the lowest set bit; 64 where there is none."""

    def generate(context, builder, signature, arguments):
        return call(builder, "llvm.cttz.i64", _I64, [arguments[0], _I1(0)])

    return types.uint64(types.uint64), generate


@intrinsic
def prefetch(typing, array, index):
    """Ask for the cache line of `array[index]`, into the second level."""

    def generate(context, builder, signature, arguments):
        at = at_index(context, builder, signature, arguments, 1)
        first = context.make_array(array)(context, builder, arguments[0]).data
        pointer = builder.bitcast(builder.gep(first, [at]), _I8.as_pointer())
        read, second_level, data = _I32(0), _I32(2), _I32(1)
        call(builder, "llvm.prefetch.p0", ir.VoidType(), [pointer, read, second_level, data])
        return context.get_dummy_value()

    return types.none(array, index), generate


@intrinsic
def fetch(typing, array, index):
    """Ask for the cache lines of a block of a flat array, which is loaded some hundred nanoseconds later."""

    def generate(context, builder, signature, arguments):
        at = at_index(context, builder, signature, arguments, 1)
        first = builder.gep(context.make_array(array)(context, builder, arguments[0]).data, [at])
        for line in range(0, BLOCK, 512 // array.dtype.bitwidth):
            pointer = builder.bitcast(builder.gep(first, [_I64(line)]), _I8.as_pointer())
            # To read, of data, into all levels of cache.
            call(builder, "llvm.prefetch.p0", ir.VoidType(), [pointer, _I32(0), _I32(3), _I32(1)])
        return context.get_dummy_value()

    return types.none(array, index), generate


@intrinsic
def not_unrolled(typing):
    """Keep LLVM from unrolling the loop in whose body this stands.

    Unrolled, a loop of a few rounds has two ends and a choice between them, each of which is foretold wrongly.
    """

    def generate(context, builder, signature, arguments):
        builder.asm(ir.FunctionType(ir.VoidType(), []), "", "", [], side_effect=True)
        return context.get_dummy_value()

    return types.none(), generate


@intrinsic
def take_next(typing, counter):
    """The number in a one-element int64 array, which goes up by one; no two threads get the same."""

    def generate(context, builder, signature, arguments):
        pointer = context.make_array(counter)(context, builder, arguments[0]).data
        return builder.atomic_rmw("add", pointer, _I64(1), "monotonic")

    return types.int64(counter), generate


@intrinsic
def finish(typing, counters, index):
    """Add one to a counter of an int64 array, after all that this thread has written."""

    def generate(context, builder, signature, arguments):
        at = at_index(context, builder, signature, arguments, 1)
        pointer = builder.gep(context.make_array(counters)(context, builder, arguments[0]).data, [at])
        builder.atomic_rmw("add", pointer, _I64(1), "release")
        return context.get_dummy_value()

    return types.none(counters, index), generate


@intrinsic
def finished(typing, counters, index):
    """What a counter stands at; what was written before it was counted can be read after this."""

    def generate(context, builder, signature, arguments):
        at = at_index(context, builder, signature, arguments, 1)
        pointer = builder.gep(context.make_array(counters)(context, builder, arguments[0]).data, [at])
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(counters, index), generate


@intrinsic
def _expand_native(typing, width, array, index, bits):
    def generate(context, builder, signature, arguments):
        lanes, at = width.lanes, at_index(context, builder, signature, arguments, 2)
        first = context.make_array(array)(context, builder, arguments[1]).data
        vector, parts = ir.VectorType(_FLOAT, lanes), []
        for mask in words_of(builder, arguments[3], lanes):
            pointer = builder.gep(first, [at])
            zero = ir.Constant(vector, [0.0] * lanes)
            parts.append(call(builder, f"llvm.masked.expandload.v{lanes}f32", vector, [pointer, mask, zero]))
            at = builder.add(at, _count(builder, mask, lanes))
        return pack(builder, parts)

    return BlockType(width.lanes)(width, array, index, types.uint64), generate


@intrinsic
def _compress_native(typing, array, index, bits, block):
    """Pack in a register and write all of it, since packing into memory is slow; the next write covers the rest."""

    def generate(context, builder, signature, arguments):
        lanes, at = block.lanes, at_index(context, builder, signature, arguments, 1)
        first = context.make_array(array)(context, builder, arguments[0]).data
        vector = ir.VectorType(_FLOAT, lanes)
        masks = words_of(builder, arguments[2], lanes)
        for mask, part in zip(masks, parts_of(builder, arguments[3]), strict=True):
            zero = ir.Constant(vector, [0.0] * lanes)
            packed = call(builder, f"llvm.x86.avx512.mask.compress.v{lanes}f32", vector, [part, zero, mask])
            builder.store(packed, builder.bitcast(builder.gep(first, [at]), vector.as_pointer()), align=4)
            at = builder.add(at, _count(builder, mask, lanes))
        return context.get_dummy_value()

    return types.none(array, index, types.uint64, block), generate


def _count(builder: ir.IRBuilder, mask: ir.Value, lanes) -> ir.Value:
    return call(builder, "llvm.ctpop.i64", _I64, [builder.zext(builder.bitcast(mask, ir.IntType(lanes)), _I64)])


@intrinsic
def _spill(typing, block):
    """A pointer to a copy of the block on the stack."""

    def generate(context, builder, signature, arguments):
        slot = cgutils.alloca_once(builder, arguments[0].type)
        builder.store(arguments[0], slot)
        return builder.bitcast(slot, _FLOAT.as_pointer())

    return types.CPointer(types.float32)(block), generate


@intrinsic
def _fill(typing, width, pointer):
    """The block that a pointer from `_spill` points to."""

    def generate(context, builder, signature, arguments):
        kind = context.get_value_type(BlockType(width.lanes))
        return builder.load(builder.bitcast(arguments[1], kind.as_pointer()), align=4)

    return BlockType(width.lanes)(width, pointer), generate


NATIVE = binding.get_host_cpu_features().get("avx512f", False)


def expand(width, array, index, bits):
    """A block that takes the next number of a flat array for each set bit, and zero elsewhere."""


def compress(array, index, bits, block):
    """Write the numbers of a block whose bit is set, one behind the other, from `array[index]` on.

    The 64 places behind the last of them may be overwritten.
    """


# Only AVX-512 packs and unpacks by an instruction; elsewhere LLVM would branch 64 times where two bits are set.
@overload(expand, inline="never")
def _expand(width, array, index, bits):
    if width.lanes == 16 and NATIVE:
        return lambda width, array, index, bits: _expand_native(width, array, index, bits)

    def by_bit(width, array, index, bits):
        slot = _spill(full(width, 0.0))
        while bits != types.uint64(0):
            slot[trailing_zeros(bits)] = array[index]
            index += types.uint64(1)
            bits &= bits - types.uint64(1)
        return _fill(width, slot)

    return by_bit


@overload(compress, inline="never")
def _compress(array, index, bits, block):
    if block.lanes == 16 and NATIVE:
        return lambda array, index, bits, block: _compress_native(array, index, bits, block)

    def by_bit(array, index, bits, block):
        slot = _spill(block)
        while bits != types.uint64(0):
            array[index] = slot[trailing_zeros(bits)]
            index += types.uint64(1)
            bits &= bits - types.uint64(1)

    return by_bit


@intrinsic
def load_first(typing, width, array, index, count):
    """A block of the next `count` numbers of a flat array and zeros, or of 64 where there are as many."""

    def generate(context, builder, signature, arguments):
        at, vector = at_index(context, builder, signature, arguments, 2), ir.VectorType(_FLOAT, width.lanes)
        zero, parts = ir.Constant(vector, [0.0] * width.lanes), []
        pointers = block_pointers(context, builder, array, arguments[1], at, width.lanes)
        masks = _first_lanes(context, builder, signature, arguments, 3, width.lanes)
        for pointer, mask in zip(pointers, masks, strict=True):
            taken = [pointer, _I32(4), mask, zero]
            parts.append(call(builder, f"llvm.masked.load.v{width.lanes}f32.p0", vector, taken))
        return pack(builder, parts)

    return BlockType(width.lanes)(width, array, index, count), generate


@intrinsic
def store_first(typing, array, index, block, count):
    """Write the first `count` numbers of a block, or all 64, and touch nothing behind them."""

    def generate(context, builder, signature, arguments):
        at = at_index(context, builder, signature, arguments, 1)
        pointers = block_pointers(context, builder, array, arguments[0], at, block.lanes)
        masks = _first_lanes(context, builder, signature, arguments, 3, block.lanes)
        for pointer, mask, part in zip(pointers, masks, parts_of(builder, arguments[2]), strict=True):
            name = f"llvm.masked.store.v{block.lanes}f32.p0"
            call(builder, name, ir.VoidType(), [part, pointer, _I32(4), mask])
        return context.get_dummy_value()

    return types.none(array, index, block, count), generate


def _first_lanes(context, builder: ir.IRBuilder, signature, arguments, position, lanes) -> list[ir.Value]:
    """A mask for each vector of a block: the lanes before the count that is the argument at `position`."""
    count = builder.trunc(at_index(context, builder, signature, arguments, position), _I32)
    vector = ir.VectorType(_I32, lanes)
    undefined = ir.Constant(vector, ir.Undefined)
    single = builder.insert_element(undefined, count, _I32(0))
    wanted = builder.shuffle_vector(single, undefined, ir.Constant(vector, [0] * lanes))
    firsts = [ir.Constant(vector, list(range(first, first + lanes))) for first in range(0, BLOCK, lanes)]
    return [builder.icmp_signed("<", places, wanted) for places in firsts]


_X86_FLUSH = (1 << 15) | (1 << 6)  # results to zero, operands as zero
_ARM_FLUSH = 1 << 24


@intrinsic
def flush_denormals(typing):
    """Make this thread take denormal numbers for zero; gives the control word to restore afterwards.

    Decaying adjoints become denormal, and a processor is tens of times slower with those.
    """

    def generate(context, builder, signature, arguments):
        machine = binding.get_process_triple()
        if machine.startswith("x86_64"):
            slot = cgutils.alloca_once(builder, _I32)
            pointer = builder.bitcast(slot, _I8.as_pointer())
            call(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), [pointer])
            before = builder.load(slot)
            _set_x86(builder, builder.or_(before, _I32(_X86_FLUSH)))
            return builder.zext(before, _I64)
        if machine.startswith(("aarch64", "arm64")):
            before = call(builder, "llvm.aarch64.get.fpcr", _I64, [])
            call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), [builder.or_(before, _I64(_ARM_FLUSH))])
            return before
        return _I64(0)

    return types.uint64(), generate


@intrinsic
def restore_denormals(typing, control):
    """Undo `flush_denormals`, given what it returned."""

    def generate(context, builder, signature, arguments):
        machine = binding.get_process_triple()
        if machine.startswith("x86_64"):
            _set_x86(builder, builder.trunc(arguments[0], _I32))
        elif machine.startswith(("aarch64", "arm64")):
            call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), [arguments[0]])
        return context.get_dummy_value()

    return types.none(types.uint64), generate


def _set_x86(builder: ir.IRBuilder, control: ir.Value):
    slot = cgutils.alloca_once_value(builder, control)
    call(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), [builder.bitcast(slot, _I8.as_pointer())])
