"""Training: settings, recipes, the loop, and the run folder it leaves behind."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikeloom.train.fitting import History, fit

__all__ = ["History", "fit"]


def __getattr__(name: str) -> Any:
    """`fit`, and all that it needs, comes when it is asked for: the command line starts quickly."""
    if name in __all__:
        return getattr(import_module("spikeloom.train.fitting"), name)
    raise AttributeError(f"module 'spikeloom.train' has no attribute {name!r}")
