"""A surrogate as an argument of kernels, compiled in like a neuron: see `neuron`."""

import math
from functools import cache

import numba
from numba import types
from numba.core.datamodel import models, register_default
from numba.extending import NativeValue, overload, typeof_impl, unbox

from spikeloom.kernels.cpu.compile import FLAGS, function_digest
from spikeloom.surrogates import Surrogate, exp, where


class SurrogateType(types.Type):
    """Numba's type of a kind of surrogate; the scale is passed beside it."""

    def __init__(self, kind):
        self.kind = kind
        super().__init__(name=f"Surrogate({kind.__name__}, {function_digest(kind.slope)})")


register_default(SurrogateType)(models.OpaqueModel)


@typeof_impl.register(Surrogate)
def _typeof_surrogate(surrogate, context):
    return _type_of(surrogate.__class__)


@cache
def _type_of(kind):
    return SurrogateType(kind)


@unbox(SurrogateType)
def _unbox_surrogate(kind, value, context):
    return NativeValue(context.context.get_dummy_value())


def slope(surrogate, margin, scale):
    """The surrogate's derivative at a margin."""


@overload(slope)
def _slope(surrogate, margin, scale):
    function = numba.njit(**FLAGS, forceinline=True)(surrogate.kind.slope)
    return lambda surrogate, margin, scale: function(margin, scale)


@overload(exp)
def _exp(x):
    return lambda x: math.exp(x)


@overload(where)
def _where(condition, a, b):
    return lambda condition, a, b: a if condition else b
