"""Vectors of bfloat16 numbers, given as their bits, and of float32 ones."""

import llvmlite.ir as ir

_I16, _I32 = ir.IntType(16), ir.IntType(32)


def widened(builder: ir.IRBuilder, half: ir.Value) -> ir.Value:
    """The same numbers in float32."""
    lanes = half.type.count
    words = ir.VectorType(_I32, lanes)
    bits = builder.shl(builder.zext(half, words), ir.Constant(words, [16] * lanes))
    return builder.bitcast(bits, ir.VectorType(ir.FloatType(), lanes))


def narrowed(builder: ir.IRBuilder, part: ir.Value) -> ir.Value:
    """The bits of the bfloat16 numbers nearest to float32 ones, ties to even; NaN stays NaN."""
    lanes = part.type.count
    words = ir.VectorType(_I32, lanes)
    bits, shift = builder.bitcast(part, words), ir.Constant(words, [16] * lanes)
    odd = builder.and_(builder.lshr(bits, shift), ir.Constant(words, [1] * lanes))
    rounded = builder.add(builder.add(bits, odd), ir.Constant(words, [0x7FFF] * lanes))
    # A NaN whose bits are all set would carry over into the sign.
    nan = builder.fcmp_unordered("uno", part, part)
    rounded = builder.select(nan, ir.Constant(words, [0x7FC00000] * lanes), rounded)
    return builder.trunc(builder.lshr(rounded, shift), ir.VectorType(_I16, lanes))
