"""A layer without its cap on active ids, for as long as one looks at what its neurons do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def uncapped(layer: Any) -> Iterator[None]:
    """While open, all spikes leave the layer; those of its neurons are the same with a cap and without."""
    cap, layer.max_activity = layer.max_activity, None
    try:
        yield
    finally:
        layer.max_activity = cap
