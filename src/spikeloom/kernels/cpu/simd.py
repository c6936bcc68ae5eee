"""The vocabulary in which the CPU kernels are written: one `Block` holds a number for each of 64 neurons.

A block lies in 64 / lanes vector registers; `Width(lanes)` says how wide those are, and is the first argument of
whatever makes a block out of something else. Kernels know blocks and bits alone, so one text serves AVX-512 (16
lanes), AVX2 (8) and NEON (4), and every width runs on every host, since LLVM splits what is too wide for it.
Comparisons give a 64-bit word, one bit a neuron. Sums may be fused with products (`contract`); nothing else is
reordered.
"""

from typing import Any

import llvmlite.ir as ir
from llvmlite import binding
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models, register_default
from numba.extending import NativeValue, intrinsic, typeof_impl, unbox

from spikeloom.kernels.cpu.halves import narrowed, widened

BLOCK = 64
QUAD = 4
PAIR = 16
"""How far apart in a block the two numbers of a packed word are."""
_FLOAT, _I1, _I16, _I32, _I64 = ir.FloatType(), ir.IntType(1), ir.IntType(16), ir.IntType(32), ir.IntType(64)
FAST = ("contract",)


class Width:
    """How many lanes a vector register holds: 16, 8 or 4."""

    def __init__(self, lanes):
        self.lanes = lanes


class WidthType(types.Type):
    """Numba's type of a `Width`: the kernels of each width are compiled apart."""

    def __init__(self, lanes):
        self.lanes = lanes
        super().__init__(name=f"Width({lanes})")


class BlockType(types.Type):
    """64 floats in registers of so many lanes."""

    def __init__(self, lanes):
        self.lanes = lanes
        super().__init__(name=f"Block({lanes})")


class QuadType(types.Type):
    """Four floats in one register: the sums of four blocks."""

    def __init__(self):
        super().__init__(name="Quad")


register_default(WidthType)(models.OpaqueModel)


@register_default(BlockType)
class _BlockModel(models.PrimitiveModel):
    def __init__(self, manager, block: BlockType):
        vector = ir.VectorType(_FLOAT, block.lanes)
        super().__init__(manager, block, ir.ArrayType(vector, BLOCK // block.lanes))


@register_default(QuadType)
class _QuadModel(models.PrimitiveModel):
    def __init__(self, manager, quad: QuadType):
        super().__init__(manager, quad, ir.VectorType(_FLOAT, QUAD))


@typeof_impl.register(Width)
def _typeof_width(width, context) -> WidthType:
    return WidthType(width.lanes)


@unbox(WidthType)
def _unbox_width(kind: WidthType, value, context) -> NativeValue:
    return NativeValue(context.context.get_dummy_value())


def host_width() -> Width:
    """The width of this machine's vector registers, as LLVM sees them."""
    features = binding.get_host_cpu_features()
    return Width(16 if features.get("avx512f") else 8 if features.get("avx2") else 4)


def parts_of(builder: ir.IRBuilder, block: ir.Value) -> list[ir.Value]:
    return [builder.extract_value(block, i) for i in range(block.type.count)]


def pack(builder: ir.IRBuilder, parts: list[ir.Value]) -> ir.Value:
    block = ir.Constant(ir.ArrayType(parts[0].type, len(parts)), ir.Undefined)
    for i, part in enumerate(parts):
        block = builder.insert_value(block, part, i)
    return block


def _splat(builder: ir.IRBuilder, number: ir.Value, lanes) -> ir.Value:
    vector = ir.VectorType(_FLOAT, lanes)
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, number, _I32(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_I32, lanes), [0] * lanes))


def block_pointers(context, builder: ir.IRBuilder, array, value, index, lanes, number=_FLOAT) -> list[ir.Value]:
    """Pointers to the vectors of a block whose first number is `array[index]`."""
    first = builder.gep(context.make_array(array)(context, builder, value).data, [index])
    vector = ir.VectorType(number, lanes).as_pointer()
    return [builder.bitcast(builder.gep(first, [_I64(i)]), vector) for i in range(0, BLOCK, lanes)]


def words_of(builder: ir.IRBuilder, bits: ir.Value, lanes) -> list[ir.Value]:
    """The 64 bits cut into masks of `lanes` bits."""
    mask = ir.VectorType(_I1, lanes)
    shifted = [builder.lshr(bits, _I64(i)) if i else bits for i in range(0, BLOCK, lanes)]
    return [builder.bitcast(builder.trunc(part, ir.IntType(lanes)), mask) for part in shifted]


def call(builder: ir.IRBuilder, name: str, result: ir.Type, arguments: list[ir.Value]) -> ir.Value:
    kind = ir.FunctionType(result, [a.type for a in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def at_index(context, builder: ir.IRBuilder, signature, arguments, position) -> ir.Value:
    return context.cast(builder, arguments[position], signature.args[position], types.intp)


@intrinsic
def full(typing, width, number):
    """A block with the same number everywhere."""

    def generate(context, builder, signature, arguments):
        single = context.cast(builder, arguments[1], signature.args[1], types.float32)
        return pack(builder, [_splat(builder, single, width.lanes)] * (BLOCK // width.lanes))

    return BlockType(width.lanes)(width, number), generate


def loaded(context, builder: ir.IRBuilder, array, value, index, lanes) -> list[ir.Value]:
    """The vectors of a block of 64 numbers: float32, or bfloat16, as uint16 or packed in pairs, which are widened.

    A packed block is 32 words of 32 bits. Words 0 to 15 hold numbers 0 to 15 in their low halves and 16 to 31 in their
    high ones, words 16 to 31 likewise the numbers from 32 on: so one shift and one mask widen a vector of words to two
    whole vectors of numbers, whatever its length.
    """
    if array.dtype == types.uint16:
        pointers = block_pointers(context, builder, array, value, index, lanes, _I16)
        return [widened(builder, builder.load(pointer, align=2)) for pointer in pointers]
    if array.dtype == types.float32:
        pointers = block_pointers(context, builder, array, value, index, lanes)
        return [builder.load(pointer, align=4) for pointer in pointers]
    first = builder.gep(context.make_array(array)(context, builder, value).data, [builder.lshr(index, _I64(1))])
    words, floats = ir.VectorType(_I32, lanes), ir.VectorType(_FLOAT, lanes)
    parts: list[ir.Value] = [None] * (BLOCK // lanes)
    for word in range(0, BLOCK // 2, lanes):
        pair = builder.load(builder.bitcast(builder.gep(first, [_I64(word)]), words.as_pointer()), align=4)
        low = builder.shl(pair, ir.Constant(words, [16] * lanes))
        high = builder.and_(pair, ir.Constant(words, [0xFFFF0000] * lanes))
        at = (word // PAIR * 2 * PAIR + word % PAIR) // lanes
        parts[at], parts[at + PAIR // lanes] = (builder.bitcast(half, floats) for half in (low, high))
    return parts


@intrinsic
def load(typing, width, array, index):
    """The 64 numbers of a flat array from `index` on: float32, or bfloat16; packed, `index` is a multiple of 64."""

    def generate(context, builder, signature, arguments):
        at = at_index(context, builder, signature, arguments, 2)
        return pack(builder, loaded(context, builder, array, arguments[1], at, width.lanes))

    return BlockType(width.lanes)(width, array, index), generate


@intrinsic
def store(typing, array, index, block):
    """Write 64 numbers into a flat array from `index` on, rounded to bfloat16 if that is of uint16."""

    def generate(context, builder, signature, arguments):
        at = at_index(context, builder, signature, arguments, 1)
        if array.dtype == types.uint16:
            pointers = block_pointers(context, builder, array, arguments[0], at, block.lanes, _I16)
            for pointer, part in zip(pointers, parts_of(builder, arguments[2]), strict=True):
                builder.store(narrowed(builder, part), pointer, align=2)
            return context.get_dummy_value()
        pointers = block_pointers(context, builder, array, arguments[0], at, block.lanes)
        for pointer, part in zip(pointers, parts_of(builder, arguments[2]), strict=True):
            builder.store(part, pointer, align=4)
        return context.get_dummy_value()

    return types.none(array, index, block), generate


def _elementwise(instruction: str) -> Any:
    @intrinsic
    def apply(typing, a, b):
        def generate(context, builder, signature, arguments):
            pairs = zip(parts_of(builder, arguments[0]), parts_of(builder, arguments[1]), strict=True)
            return pack(builder, [getattr(builder, instruction)(x, y, flags=FAST) for x, y in pairs])

        return a(a, b), generate

    return apply


add, subtract = _elementwise("fadd"), _elementwise("fsub")
multiply, divide = _elementwise("fmul"), _elementwise("fdiv")


@intrinsic
def root(typing, a):
    """The square root of each number."""

    def generate(context, builder, signature, arguments):
        vector = ir.VectorType(_FLOAT, a.lanes)
        parts = parts_of(builder, arguments[0])
        return pack(builder, [call(builder, f"llvm.sqrt.v{a.lanes}f32", vector, [part]) for part in parts])

    return a(a), generate


@intrinsic
def at_least(typing, a, b):
    """A word with a bit for each lane where `a >= b`; never where one of them is NaN."""

    def generate(context, builder, signature, arguments):
        word = _I64(0)
        for i, (x, y) in enumerate(zip(parts_of(builder, arguments[0]), parts_of(builder, arguments[1]), strict=True)):
            part = builder.bitcast(builder.fcmp_ordered(">=", x, y), ir.IntType(a.lanes))
            word = builder.or_(word, builder.shl(builder.zext(part, _I64), _I64(i * a.lanes)))
        return word

    return types.uint64(a, b), generate


@intrinsic
def heaviside(typing, a):
    """One where `a >= 0`, else zero; as a select by `at_least`, but without the way through a word of bits."""

    def generate(context, builder, signature, arguments):
        lanes, steps = a.lanes, []
        for x in parts_of(builder, arguments[0]):
            zero, one = (ir.Constant(x.type, [number] * lanes) for number in (0.0, 1.0))
            steps.append(builder.select(builder.fcmp_ordered(">=", x, zero), one, zero))
        return pack(builder, steps)

    return a(a), generate


@intrinsic
def select(typing, bits, a, b):
    """`a` where the bit is set, else `b`."""

    def generate(context, builder, signature, arguments):
        masks = words_of(builder, arguments[0], a.lanes)
        pairs = zip(masks, parts_of(builder, arguments[1]), parts_of(builder, arguments[2]), strict=True)
        return pack(builder, [builder.select(mask, x, y) for mask, x, y in pairs])

    return a(types.uint64, a, b), generate


@intrinsic
def dot4(typing, array, i0, i1, i2, i3, block):
    """The inner products of a block with the four rows of 64 numbers at i0 … i3 of a flat array.

    Four at a time, since the sums across lanes then share their shuffles: 6 of them and 2 halvings for four sums.
    """

    def generate(context, builder, signature, arguments):
        lanes, factors, sums = block.lanes, parts_of(builder, arguments[-1]), []
        vector = ir.VectorType(_FLOAT, lanes)
        for place in range(1, QUAD + 1):
            at = at_index(context, builder, signature, arguments, place)
            row, *rows = loaded(context, builder, array, arguments[0], at, lanes)
            total = builder.fmul(row, factors[0])
            for row, factor in zip(rows, factors[1:], strict=True):
                total = call(builder, f"llvm.fma.v{lanes}f32", vector, [row, factor, total])
            sums.append(total)
        return _sum_across(builder, sums, lanes)

    return QuadType()(array, i0, i1, i2, i3, block), generate


def _sum_across(builder: ir.IRBuilder, sums: list[ir.Value], lanes) -> ir.Value:
    """Four vectors of any width to one of four sums: a transpose within each group of four lanes, then halvings."""

    def shuffled(a: ir.Value, b: ir.Value, pattern: tuple[int, ...]) -> ir.Value:
        picks = [g + (i if i < QUAD else i - QUAD + lanes) for g in range(0, lanes, QUAD) for i in pattern]
        return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_I32, lanes), picks))

    def merged(a: ir.Value, b: ir.Value, low: tuple[int, ...], high: tuple[int, ...]) -> ir.Value:
        return builder.fadd(shuffled(a, b, low), shuffled(a, b, high))

    even = merged(sums[0], sums[1], (0, 4, 1, 5), (2, 6, 3, 7))
    odd = merged(sums[2], sums[3], (0, 4, 1, 5), (2, 6, 3, 7))
    total = merged(even, odd, (0, 1, 4, 5), (2, 3, 6, 7))
    while lanes > QUAD:
        lanes //= 2
        index = ir.VectorType(_I32, lanes)
        halves = [ir.Constant(index, list(range(start, start + lanes))) for start in (0, lanes)]
        total = builder.fadd(*(builder.shuffle_vector(total, total, half) for half in halves))
    return total


@intrinsic
def across4(typing, a, b, c, d):
    """The sums of the numbers of four blocks each."""

    def generate(context, builder, signature, arguments):
        sums = []
        for block in arguments:
            parts = parts_of(builder, block)
            while len(parts) > 1:
                parts = [builder.fadd(x, y) for x, y in zip(parts[::2], parts[1::2], strict=True)]
            sums.append(parts[0])
        return _sum_across(builder, sums, a.lanes)

    return QuadType()(a, b, c, d), generate


@intrinsic
def add_quad(typing, array, index, quad):
    """Add four numbers to a flat array from `index` on."""

    def generate(context, builder, signature, arguments):
        pointer = _quad_pointer(context, builder, signature, arguments)
        builder.store(builder.fadd(builder.load(pointer, align=4), arguments[2]), pointer, align=4)
        return context.get_dummy_value()

    return types.none(array, index, quad), generate


@intrinsic
def store_quad(typing, array, index, quad):
    """Write four numbers into a flat array from `index` on."""

    def generate(context, builder, signature, arguments):
        builder.store(arguments[2], _quad_pointer(context, builder, signature, arguments), align=4)
        return context.get_dummy_value()

    return types.none(array, index, quad), generate


@intrinsic
def add_first(typing, array, index, quad, count):
    """Add the first `count` of four numbers, and touch no place behind them."""

    def generate(context, builder, signature, arguments):
        pointer = _quad_pointer(context, builder, signature, arguments)
        number = builder.trunc(at_index(context, builder, signature, arguments, 3), _I32)
        lanes, floats = ir.VectorType(_I32, QUAD), arguments[2].type
        undefined = ir.Constant(lanes, ir.Undefined)
        single = builder.insert_element(undefined, number, _I32(0))
        wanted = builder.shuffle_vector(single, undefined, ir.Constant(lanes, [0] * QUAD))
        mask = builder.icmp_unsigned("<", ir.Constant(lanes, list(range(QUAD))), wanted)
        zero = ir.Constant(floats, [0.0] * QUAD)
        before = call(builder, "llvm.masked.load.v4f32.p0", floats, [pointer, _I32(4), mask, zero])
        total = builder.fadd(before, arguments[2])
        call(builder, "llvm.masked.store.v4f32.p0", ir.VoidType(), [total, pointer, _I32(4), mask])
        return context.get_dummy_value()

    return types.none(array, index, quad, count), generate


def _quad_pointer(context, builder, signature, arguments):
    at = at_index(context, builder, signature, arguments, 1)
    first = builder.gep(context.make_array(signature.args[0])(context, builder, arguments[0]).data, [at])
    return builder.bitcast(first, ir.VectorType(_FLOAT, QUAD).as_pointer())
