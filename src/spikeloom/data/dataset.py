"""What every data set offers."""

from typing import Protocol

import numpy as np
from jaxtyping import Int64

from spikeloom.data.events import Events, Sensor


class Dataset(Protocol):
    """Labelled recordings of one sensor; a plain class with these members is a data set, nothing need be inherited.

    A data set may have more, and what is there is used: `class_names`, a tuple of what the labels stand for;
    `speakers`, `[S]` names; and `identity`, a text that names all its recordings depend on, so that they are converted
    once and kept on disk (see `identity.of_files` and `store.open_store`).
    """

    @property
    def sensor(self) -> Sensor:
        """What the recordings were made with."""

    @property
    def classes(self) -> int:
        """How many labels there are; they run from 0 to classes - 1."""

    @property
    def labels(self) -> Int64[np.ndarray, "S"]:
        """The label of each sample."""

    def __len__(self) -> int:
        """How many samples there are."""

    def __getitem__(self, index: int) -> tuple[Events, int]:
        """The recording and the label of one sample."""
