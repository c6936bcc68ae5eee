"""Spoken samples in made-up voices: each recording again, with another colour and another length of the vocal tract."""

import numpy as np

from spikeloom.checks import require
from spikeloom.data.dataset import Dataset
from spikeloom.data.ear import Voice
from spikeloom.data.subset import Subset, base_of

COLOUR_DB = 3.0  # standard deviation of tilt and bow
WARP = 0.06  # largest share by which frequencies move


def voice_of(recording: int, copy: int) -> Voice:
    """The voice of a copy: as it was said for copy 0, else drawn at random, and the same each time.

    Args:
        recording: its number in the data set.
        copy: 0 or above.
    """
    if copy == 0:
        return Voice()
    rng = np.random.default_rng([recording, copy])
    tilt, bow = rng.normal(0.0, COLOUR_DB, 2)
    return Voice(tilt, bow, 1 + rng.uniform(-WARP, WARP))


def described(copies: int) -> str | int:
    """What the voices of so many copies depend on, for an `identity`."""
    return f"{copies} of {COLOUR_DB} dB and {WARP}" if copies else 0


def in_voices(part: Dataset, copies: int) -> Dataset:
    """A part to train on, and so many copies of each of its recordings in other voices.

    Args:
        part: of a data set that has `in_voices`, as FSDD.
        copies: of each recording, 0 or above.

    Raises:
        InputError: a data set that has no sound.
    """
    if copies == 0:
        return part
    base, indices = base_of(part)
    spoken = hasattr(base, "in_voices")
    require(spoken, "voices", "0, or a data set read from sound, as fsdd", copies, "leave it out")
    voiced: Dataset = base.in_voices(copies)  # type: ignore[attr-defined]
    return Subset(voiced, (indices + len(base) * np.arange(1 + copies)[:, None]).ravel())
