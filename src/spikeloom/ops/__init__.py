"""The operators that torch sees: `torch.library` ops with their gradients, shapes for tracers, kernels by device."""

from spikeloom.ops.dense import currents, currents_of_spikes
from spikeloom.ops.feedforward import feedforward
from spikeloom.ops.feedforward_dense import feedforward_dense
from spikeloom.ops.leave import capacity
from spikeloom.ops.listed import listed
from spikeloom.ops.product import product
from spikeloom.ops.readout import readout, readout_dense
from spikeloom.ops.recurrent import recurrent
from spikeloom.ops.recurrent_dense import recurrent_dense
from spikeloom.ops.scans import Scanned
from spikeloom.ops.select import select
from spikeloom.ops.shadow import shadow

__all__ = [
    "Scanned",
    "capacity",
    "currents",
    "currents_of_spikes",
    "feedforward",
    "feedforward_dense",
    "listed",
    "product",
    "readout",
    "readout_dense",
    "recurrent",
    "recurrent_dense",
    "select",
    "shadow",
]
