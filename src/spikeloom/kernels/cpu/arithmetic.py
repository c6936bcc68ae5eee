"""The operations of a neuron's program as LLVM instructions on one vector register of floats."""

import llvmlite.ir as ir

from spikeloom.kernels.cpu.simd import FAST, call

_FLOAT, _I32 = ir.FloatType(), ir.IntType(32)

LOG2_E = 1.4426950408889634
# log(2) in two parts: n times the first is exact for the n that occur (Cody and Waite 1980).
LOG_2 = (0.693359375, -2.12194440e-4)
# exp(r) for |r| <= log(2) / 2, by falling powers: its Taylor series, whose remainder is below 1e-8 there.
EXP = (1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 0.5, 1.0, 1.0)
# Beyond these the result, or the power of two that it is made with, leaves the range of normal floats; it stays there.
EXP_RANGE = (-87.3, 88.37)


def vector_of(number: float, lanes: int) -> ir.Constant:
    """The same number in all lanes."""
    return ir.Constant(ir.VectorType(_FLOAT, lanes), [number] * lanes)


def arithmetic(builder: ir.IRBuilder, lanes: int):
    """What emits each operation of a program, by its name; it takes and gives vectors of so many lanes."""

    def exp(x):
        low, high = (vector_of(number, lanes) for number in EXP_RANGE)
        x = builder.select(builder.fcmp_ordered("<", x, low), low, x)
        x = builder.select(builder.fcmp_ordered(">", x, high), high, x)
        scaled = builder.fmul(x, vector_of(LOG2_E, lanes))
        n = call(builder, f"llvm.rint.v{lanes}f32", x.type, [scaled])
        for part in LOG_2:
            x = builder.fsub(x, builder.fmul(n, vector_of(part, lanes)), flags=FAST)
        result = vector_of(EXP[0], lanes)
        for coefficient in EXP[1:]:
            result = builder.fadd(builder.fmul(result, x), vector_of(coefficient, lanes), flags=FAST)
        integers = ir.VectorType(_I32, lanes)
        # 2^n, by the exponent's bits of a float.
        exponent = builder.add(builder.fptosi(n, integers), ir.Constant(integers, [127] * lanes))
        power = builder.bitcast(builder.shl(exponent, ir.Constant(integers, [23] * lanes)), x.type)
        return builder.fmul(result, power)

    return {
        "constant": lambda number: vector_of(number, lanes),
        "add": lambda a, b: builder.fadd(a, b, flags=FAST),
        "subtract": lambda a, b: builder.fsub(a, b, flags=FAST),
        "multiply": lambda a, b: builder.fmul(a, b, flags=FAST),
        "divide": lambda a, b: builder.fdiv(a, b),
        "negate": lambda a: builder.fneg(a),
        "exp": exp,
        "at_least": lambda a, b: builder.fcmp_ordered(">=", a, b),
        "above": lambda a, b: builder.fcmp_ordered(">", a, b),
        "where": lambda mask, a, b: builder.select(mask, a, b),
    }
