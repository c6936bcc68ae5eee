"""The operators that torch sees: `torch.library` ops with their gradients, shapes for tracers, kernels by device."""

from spikeloom.ops.feedforward import feedforward
from spikeloom.ops.feedforward_dense import feedforward_dense
from spikeloom.ops.leave import capacity
from spikeloom.ops.product import product
from spikeloom.ops.readout import readout, readout_dense
from spikeloom.ops.recurrent import recurrent, recurrent_dense
from spikeloom.ops.select import select
from spikeloom.ops.shadow import shadow

__all__ = [
    "capacity",
    "feedforward",
    "feedforward_dense",
    "product",
    "readout",
    "readout_dense",
    "recurrent",
    "recurrent_dense",
    "select",
    "shadow",
]
