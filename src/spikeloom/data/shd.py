"""The Spiking Heidelberg Digits: `shd_train.h5` and `shd_test.h5`; their layout is described in `heidelberg.py`."""

import os

from spikeloom.data.heidelberg import Heidelberg, locate

CLASSES = 20
FILES = {"train": ("shd_train.h5",), "test": ("shd_test.h5",), "all": ("shd_train.h5", "shd_test.h5")}


class SHD(Heidelberg):
    """Spoken digits, zero to nine in English and German, as spikes of 700 channels: 8,156 to train, 2,264 to test.

    Twelve speakers, "0" to "11"; speakers 4 and 5 are in the test split only. The files' tables are read when the data
    set is made, and spikes when a sample is asked for.

    Args:
        root: the folder that holds the files.
        split: "train", "test", or "all" for both.

    Raises:
        InputError: a file that is missing, still packed, damaged, or not in the published layout.
    """

    def __init__(self, root: str | os.PathLike[str], split: str = "train") -> None:
        super().__init__(locate(root, split, FILES), CLASSES, "shd", split)
