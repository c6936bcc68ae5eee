"""A neuron as an argument of kernels: its Numba type is named by a digest of its equations.

So a kernel is compiled for each neuron by itself, found again in the cache, and compiled anew when one is edited. The
equations come as programs, which are emitted here as vector instructions.
"""

from functools import cache

from llvmlite import ir
from numba import types
from numba.core.datamodel import models, register_default
from numba.extending import NativeValue, intrinsic, overload, typeof_impl, unbox

from spikeloom.kernels.cpu.arithmetic import arithmetic
from spikeloom.kernels.cpu.simd import BLOCK, BlockType, at_index, block_pointers, pack, parts_of
from spikeloom.neurons import Equations


class NeuronType(types.Type):
    """Numba's type of a neuron's equations."""

    def __init__(self, equations):
        self.equations = equations
        super().__init__(name=f"Neuron({equations.digest})")


register_default(NeuronType)(models.OpaqueModel)


@typeof_impl.register(Equations)
def _typeof_neuron(equations, context):
    return _type_of(equations)


@cache
def _type_of(equations):
    return NeuronType(equations)


@unbox(NeuronType)
def _unbox_neuron(kind, value, context):
    return NativeValue(context.context.get_dummy_value())


def blocks(count: int, lanes: int) -> types.BaseTuple:
    """The type of a tuple of so many blocks."""
    return types.UniTuple(BlockType(lanes), count) if count else types.Tuple(())


def _items(builder: ir.IRBuilder, value: ir.Value, kind: types.Type) -> list[ir.Value]:
    """The blocks of an argument: of a tuple its items, or the one that it is."""
    if isinstance(kind, BlockType):
        return [value]
    return [builder.extract_value(value, i) for i in range(len(kind))]


def _emit(builder: ir.IRBuilder, program, inputs: list[ir.Value], lanes: int) -> list[ir.Value]:
    """Carry a program out on blocks, one vector register of each after the other."""
    parts = [parts_of(builder, block) for block in inputs]
    table = arithmetic(builder, lanes)
    made = [program.run(one, table) for one in zip(*parts, strict=True)]
    return [pack(builder, list(output)) for output in zip(*made, strict=True)]


def _runner(of, form):
    """An intrinsic that runs one of a neuron's programs.

    Args:
        of: gives the program of the equations.
        form: gives the sizes of what it returns: a number for a tuple of so many blocks, None for one block.
    """

    def define(typing, neuron, *arguments):
        lanes = next(block.lanes for kind in arguments for block in getattr(kind, "types", (kind,)))
        sizes = form(neuron.equations)
        result = types.Tuple([BlockType(lanes) if size is None else blocks(size, lanes) for size in sizes])

        def generate(context, builder, signature, values):
            inputs = [
                block
                for kind, value in zip(signature.args[1:], values[1:], strict=True)
                for block in _items(builder, value, kind)
            ]
            outputs = iter(_emit(builder, of(neuron.equations), inputs, lanes))
            returned = [
                next(outputs)
                if size is None
                else context.make_tuple(builder, kind, [next(outputs) for _ in range(size)])
                for size, kind in zip(sizes, result.types, strict=True)
            ]
            return context.make_tuple(builder, result, returned)

        return result(neuron, *arguments), generate

    return define


_step = _runner(lambda equations: equations.step, lambda equations: (equations.states, None))
_adjoint = _runner(
    lambda equations: equations.adjoint, lambda equations: (equations.states, None, None, len(equations.learned))
)


def feeds_back(neuron):
    """Whether a derivative by the neuron's own spike of the step before can be other than zero."""


@overload(feeds_back)
def _feeds_back(neuron):
    program = neuron.equations.adjoint
    number = program.outputs[neuron.equations.states] - program.inputs
    answer = number < 0 or tuple(program.operations[number]) != ("constant", 0.0)
    return lambda neuron: answer


@intrinsic
def step(typing, neuron, state, spike, current, p):
    """The neuron's step on blocks: the state after it, and the margin."""
    return _step(typing, neuron, state, spike, current, p)


@intrinsic
def adjoint(typing, neuron, d_state, d_margin, spike, p, kept):
    """The neuron's adjoint on blocks: by the state before the step, the spike, the current, the learned parameters."""
    return _adjoint(typing, neuron, d_state, d_margin, spike, p, kept)


def _loader(count_of):
    @intrinsic
    def load_all(typing, width, neuron, array, index, stride):
        """A tuple of blocks: from `array[index]`, `array[index + stride]` and so on."""
        count = count_of(neuron.equations)
        result = blocks(count, width.lanes)

        def generate(context, builder, signature, arguments):
            at, far = (at_index(context, builder, signature, arguments, i) for i in (3, 4))
            loaded = []
            for _ in range(count):
                pointers = block_pointers(context, builder, array, arguments[2], at, width.lanes)
                loaded.append(pack(builder, [builder.load(pointer, align=4) for pointer in pointers]))
                at = builder.add(at, far)
            return context.make_tuple(builder, signature.return_type, loaded)

        return result(width, neuron, array, index, stride), generate

    return load_all


load_states = _loader(lambda equations: equations.states)
load_parameters = _loader(lambda equations: equations.parameters)
load_kept = _loader(lambda equations: len(equations.kept))
load_learned = _loader(lambda equations: len(equations.learned))


@intrinsic
def store_blocks(typing, array, index, stride, blocks):
    """Write a tuple of blocks to `array[index]`, `array[index + stride]` and so on."""

    def generate(context, builder, signature, arguments):
        at, far = (at_index(context, builder, signature, arguments, i) for i in (1, 2))
        for block in _items(builder, arguments[3], blocks):
            parts = parts_of(builder, block)
            pointers = block_pointers(context, builder, array, arguments[0], at, BLOCK // len(parts))
            for pointer, part in zip(pointers, parts, strict=True):
                builder.store(part, pointer, align=4)
            at = builder.add(at, far)
        return context.get_dummy_value()

    return types.none(array, index, stride, blocks), generate


@intrinsic
def what_is_kept(typing, neuron, state, current):
    """What the backward pass needs of the state before a step and of its current: a tuple of blocks."""
    kept = neuron.equations.kept
    result = blocks(len(kept), current.lanes)

    def generate(context, builder, signature, arguments):
        found = [*_items(builder, arguments[1], state), arguments[2]]
        return context.make_tuple(builder, result, [found[i] for i in kept])

    return result(neuron, state, current), generate


@intrinsic
def no_blocks(typing, width, neuron):
    """Zeros for the gradients by the learned parameters: a tuple of blocks."""
    result = blocks(len(neuron.equations.learned), width.lanes)

    def generate(context, builder, signature, arguments):
        vector = ir.VectorType(ir.FloatType(), width.lanes)
        zero = pack(builder, [ir.Constant(vector, [0.0] * width.lanes)] * (BLOCK // width.lanes))
        return context.make_tuple(builder, result, [zero] * len(result))

    return result(width, neuron), generate


@intrinsic
def add_blocks(typing, a, b):
    """The sums of two tuples of blocks."""

    def generate(context, builder, signature, arguments):
        pairs = zip(_items(builder, arguments[0], a), _items(builder, arguments[1], b), strict=True)
        sums = [
            pack(builder, [builder.fadd(x, y) for x, y in zip(parts_of(builder, p), parts_of(builder, q), strict=True)])
            for p, q in pairs
        ]
        return context.make_tuple(builder, a, sums)

    return a(a, b), generate
