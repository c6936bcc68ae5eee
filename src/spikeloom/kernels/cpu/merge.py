"""Two packed rows of numbers merged into one, as words of bits say."""

import llvmlite.ir as ir
from numba import types
from numba.extending import intrinsic, overload

from spikeloom.kernels.cpu.bits import NATIVE, popcount
from spikeloom.kernels.cpu.simd import at_index, call

LANES = 16
_FLOAT, _I1, _I32, _I64 = ir.FloatType(), ir.IntType(1), ir.IntType(32), ir.IntType(64)
_VECTOR, _MASK = ir.VectorType(_FLOAT, LANES), ir.VectorType(_I1, LANES)
_ZERO, _ONE, _MANY = types.uint64(0), types.uint64(1), types.uint64(LANES)


def merge(width, array, i, first, j, second, out, to, inside):
    """Write a number from `out[to]` on for each set bit of `inside`, and no more.

    The next from `array[i]` on where the bit is also set in `first`, the next from `array[j]` on where it is in
    `second`, else zero. No bit is set in both, or in one of them and not inside.
    """


@overload(merge, inline="never")
def _merge(width, array, i, first, j, second, out, to, inside):
    if width.lanes == LANES and NATIVE:
        return _by_vector

    def by_bit(width, array, i, first, j, second, out, to, inside):
        while inside != _ZERO:
            bit, value = inside & (~inside + _ONE), types.float32(0)
            if first & bit != _ZERO:
                value = array[i]
                i += _ONE
            elif second & bit != _ZERO:
                value = array[j]
                j += _ONE
            out[to] = value
            to += _ONE
            inside &= inside - _ONE

    return by_bit


def _by_vector(width, array, i, first, j, second, out, to, inside):
    first, second, left = _under(first, inside), _under(second, inside), popcount(inside)
    while left > _MANY:
        i, j = _merge_vector(array, i, first, j, second, out, to, _MANY)
        first, second, left, to = first >> _MANY, second >> _MANY, left - _MANY, to + _MANY
    _merge_vector(array, i, first, j, second, out, to, left)


@intrinsic
def _under(typing, bits, mask):
    """The bits at the set places of the mask, side by side from the lowest on."""

    def generate(context, builder, signature, arguments):
        return call(builder, "llvm.x86.bmi.pext.64", _I64, list(arguments))

    return types.uint64(types.uint64, types.uint64), generate


@intrinsic
def _merge_vector(typing, array, i, first, j, second, out, to, count):
    """Merge up to 16 numbers; where the next ones of both rows lie."""

    def generate(context, builder, signature, arguments):
        rows = context.make_array(array)(context, builder, arguments[0]).data
        merged, behind = ir.Constant(_VECTOR, [0.0] * LANES), []
        for position in (1, 3):
            at = at_index(context, builder, signature, arguments, position)
            mask = _mask(builder, arguments[position + 1])
            taken = [builder.gep(rows, [at]), mask, merged]
            merged = call(builder, f"llvm.masked.expandload.v{LANES}f32", _VECTOR, taken)
            number = builder.zext(builder.bitcast(mask, ir.IntType(LANES)), _I64)
            behind.append(builder.add(at, call(builder, "llvm.ctpop.i64", _I64, [number])))
        at = at_index(context, builder, signature, arguments, 6)
        pointer = builder.gep(context.make_array(out)(context, builder, arguments[5]).data, [at])
        counted = builder.sub(builder.shl(_I32(1), builder.trunc(arguments[7], _I32)), _I32(1))
        pointer = builder.bitcast(pointer, _VECTOR.as_pointer())
        name = f"llvm.masked.store.v{LANES}f32.p0"
        call(builder, name, ir.VoidType(), [merged, pointer, _I32(4), _mask(builder, counted)])
        return context.make_tuple(builder, signature.return_type, behind)

    word = types.uint64
    return types.UniTuple(word, 2)(array, word, word, word, word, out, word, word), generate


def _mask(builder: ir.IRBuilder, bits: ir.Value) -> ir.Value:
    return builder.bitcast(builder.trunc(bits, ir.IntType(LANES)), _MASK)
