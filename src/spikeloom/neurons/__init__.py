"""Neurons, each written once as a plain function that the reference runs and kernels are made of."""

from spikeloom.neurons.check import check
from spikeloom.neurons.equations import Equations, equations, from_text
from spikeloom.neurons.extended import one_to_one, refractory
from spikeloom.neurons.functions import detach, exp, maximum, minimum, where
from spikeloom.neurons.named import KINDS, absolute, named
from spikeloom.neurons.neuron import Neuron, Parameter, decay

__all__ = [
    "KINDS",
    "Equations",
    "Neuron",
    "Parameter",
    "absolute",
    "check",
    "decay",
    "detach",
    "equations",
    "exp",
    "from_text",
    "maximum",
    "minimum",
    "named",
    "one_to_one",
    "refractory",
    "where",
]
