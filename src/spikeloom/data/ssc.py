"""The Spiking Speech Commands: `ssc_train.h5`, `ssc_valid.h5` and `ssc_test.h5`; `heidelberg.py` has their layout."""

import os

from spikeloom.data.heidelberg import Heidelberg, locate

CLASSES = 35
FILES = {
    "train": ("ssc_train.h5",),
    "validation": ("ssc_valid.h5",),
    "test": ("ssc_test.h5",),
    "all": ("ssc_train.h5", "ssc_valid.h5", "ssc_test.h5"),
}


class SSC(Heidelberg):
    """35 spoken words as spikes of 700 channels: 75,466 samples to train, 9,981 to validate, 20,382 to test.

    The files need not tell who speaks; `speakers` raises then.

    Args:
        root: the folder that holds the files.
        split: "train", "validation", "test", or "all" for the three.

    Raises:
        InputError: a file that is missing, still packed, damaged, or not in the published layout.
    """

    def __init__(self, root: str | os.PathLike[str], split: str = "train") -> None:
        super().__init__(locate(root, split, FILES), CLASSES, "ssc", split)
