"""Layers as `torch.nn.Module`s: they take spikes and a state, and return both."""

from spikeloom.nn import functional, init, losses
from spikeloom.nn.adlif import AdLIF
from spikeloom.nn.alif import ALIF
from spikeloom.nn.blocked import to_blocks
from spikeloom.nn.cuba_lif import CuBaLIF
from spikeloom.nn.if_ import IF
from spikeloom.nn.li import LI
from spikeloom.nn.lif import LIF
from spikeloom.nn.se_adlif import SEAdLIF
from spikeloom.nn.sequential import Sequential
from spikeloom.nn.spiking import Spiking
from spikeloom.nn.state import State, States

__all__ = [
    "ALIF",
    "IF",
    "LI",
    "LIF",
    "AdLIF",
    "CuBaLIF",
    "SEAdLIF",
    "Sequential",
    "Spiking",
    "State",
    "States",
    "functional",
    "init",
    "losses",
    "to_blocks",
]
