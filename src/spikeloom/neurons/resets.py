"""What a spike does to the membrane at the next step; no gradient passes through it (Finkbeiner et al. 2024)."""

from collections.abc import Callable
from typing import Any

from spikeloom.checks import require
from spikeloom.neurons.functions import detach

RESETS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "zero": lambda membrane, spike, threshold: membrane * (1.0 - detach(spike)),
    "subtract": lambda membrane, spike, threshold: membrane - threshold * detach(spike),
    "none": lambda membrane, spike, threshold: membrane,
}
"""By name, R(membrane, spike, threshold): the membrane after the reset."""


def check_reset(name: str) -> None:
    """Raise unless there is a reset of that name.

    Raises:
        InputError: there is none.
    """
    require(name in RESETS, "reset", "one of " + ", ".join(RESETS), repr(name))
