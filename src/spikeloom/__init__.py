"""Sparse training of spiking neural networks: only the work that spikes ask for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spikeloom.checks import InputError
from spikeloom.spikes import Spikes

if TYPE_CHECKING:
    from spikeloom import data, nn, plots, show, train
    from spikeloom.train.run import load

__version__ = "0.1.0"
__all__ = ["InputError", "Spikes", "__version__", "data", "load", "nn", "plots", "show", "train"]

SUBMODULES = ("data", "nn", "plots", "show", "train")


def __getattr__(name: str) -> Any:
    """`load` and the submodules come when they are asked for: importing spikeloom stays quick."""
    if name == "load":
        return import_module("spikeloom.train.run").load
    if name in SUBMODULES:
        return import_module(f"spikeloom.{name}")
    raise AttributeError(f"module 'spikeloom' has no attribute {name!r}")
