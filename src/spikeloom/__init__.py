"""Sparse training of spiking neural networks: only the work that spikes ask for."""

from spikeloom.checks import InputError
from spikeloom.spikes import Spikes

__version__ = "0.1.0"
__all__ = ["InputError", "Spikes", "__version__"]
