"""From event recordings to spikes: readers, one file per data set; binning, augmentation, splits and the loader."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikeloom.data.catalogue import open_dataset
    from spikeloom.data.events import Events, Sensor
    from spikeloom.data.loader import Loader
    from spikeloom.data.split import by_fold, by_speaker, random_split
    from spikeloom.data.tonic import from_tonic

__all__ = ["Events", "Loader", "Sensor", "by_fold", "by_speaker", "from_tonic", "open_dataset", "random_split"]

PLACES = {
    "Events": "events",
    "Loader": "loader",
    "Sensor": "events",
    "by_fold": "split",
    "by_speaker": "split",
    "from_tonic": "tonic",
    "open_dataset": "catalogue",
    "random_split": "split",
}


def __getattr__(name: str) -> Any:
    """What a program needs most often comes when it is asked for."""
    if name in PLACES:
        return getattr(import_module(f"spikeloom.data.{PLACES[name]}"), name)
    raise AttributeError(f"module 'spikeloom.data' has no attribute {name!r}")
