"""A neuron as an argument of kernels: its Numba type is named by the neuron and a digest of its source.

So a kernel is compiled for each neuron by itself, found again in the cache, and compiled anew when one is edited.
"""

from collections.abc import Callable
from functools import cache

import numba
from numba import types
from numba.core.datamodel import models, register_default
from numba.extending import NativeValue, intrinsic, overload, typeof_impl, unbox

from spikeloom.kernels.cpu.compile import FLAGS, function_digest
from spikeloom.kernels.cpu.simd import BlockType, at_index, block_pointers, pack, parts_of
from spikeloom.neurons import Neuron


class NeuronType(types.Type):
    """Numba's type of a neuron."""

    def __init__(self, neuron):
        self.neuron = neuron
        super().__init__(
            name=f"Neuron({neuron.name}, {function_digest(neuron.step)}, {function_digest(neuron.adjoint)})"
        )


register_default(NeuronType)(models.OpaqueModel)


@typeof_impl.register(Neuron)
def _typeof_neuron(neuron, context):
    return _type_of(neuron)


@cache
def _type_of(neuron):
    return NeuronType(neuron)


@unbox(NeuronType)
def _unbox_neuron(kind, value, context):
    return NativeValue(context.context.get_dummy_value())


def step(neuron, state, spike, current, p):
    """The neuron's step on blocks."""


def adjoint(neuron, d_state, d_margin, spike, p):
    """The neuron's adjoint on blocks."""


@overload(step)
def _step(neuron, state, spike, current, p):
    function = numba.njit(**FLAGS, forceinline=True)(neuron.neuron.step)
    return lambda neuron, state, spike, current, p: function(state, spike, current, p)


@overload(adjoint)
def _adjoint(neuron, d_state, d_margin, spike, p):
    function = numba.njit(**FLAGS, forceinline=True)(neuron.neuron.adjoint)
    return lambda neuron, d_state, d_margin, spike, p: function(d_state, d_margin, spike, p)


def _loader(names: Callable[[Neuron], tuple[str, ...]]):
    @intrinsic
    def load_all(typing, width, neuron, array, index, stride):
        """A tuple of blocks, one for each name: from `array[index]`, `array[index + stride]` and so on."""
        count = len(names(neuron.neuron))
        result = types.UniTuple(BlockType(width.lanes), count)

        def generate(context, builder, signature, arguments):
            at, far = (at_index(context, builder, signature, arguments, i) for i in (3, 4))
            blocks = []
            for _ in range(count):
                pointers = block_pointers(context, builder, array, arguments[2], at, width.lanes)
                blocks.append(pack(builder, [builder.load(pointer, align=4) for pointer in pointers]))
                at = builder.add(at, far)
            return context.make_tuple(builder, signature.return_type, blocks)

        return result(width, neuron, array, index, stride), generate

    return load_all


load_states = _loader(lambda neuron: neuron.states)
load_parameters = _loader(lambda neuron: neuron.parameters)


@intrinsic
def store_states(typing, array, index, stride, states):
    """Write a tuple of blocks to `array[index]`, `array[index + stride]` and so on."""

    def generate(context, builder, signature, arguments):
        at, far = (at_index(context, builder, signature, arguments, i) for i in (1, 2))
        for i in range(states.count):
            parts = parts_of(builder, builder.extract_value(arguments[3], i))
            pointers = block_pointers(context, builder, array, arguments[0], at, states.dtype.lanes)
            for pointer, part in zip(pointers, parts, strict=True):
                builder.store(part, pointer, align=4)
            at = builder.add(at, far)
        return context.get_dummy_value()

    return types.none(array, index, stride, states), generate
