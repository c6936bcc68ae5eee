"""scikit-learn's handwritten digits as event recordings, made by N-MNIST's saccades; no download needed.

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998: 1,797 images of
8x8 pixels, brightness 0 to 16.
"""

from functools import cache

import numpy as np
from jaxtyping import Int64

from spikeloom.checks import require
from spikeloom.data import saccades
from spikeloom.data.events import Events
from spikeloom.data.split import deal

SIZES = {"train": 1437, "test": 360}
SEED = 0  # of the split and of the recordings, fixed so that all users train and test on the same


class Digits:
    """Real digits moved over a 34x34 event sensor: 1,437 samples to train, 360 to test, about 310 ms each.

    The recordings are made when the first split is, within a few seconds, and shared by all. Both parts hold the
    classes in equal shares.

    Args:
        split: "train", "test" or "all".

    Raises:
        InputError: an unknown split.
    """

    sensor = saccades.SENSOR
    classes = 10
    class_names = tuple(str(digit) for digit in range(10))

    def __init__(self, split: str = "train") -> None:
        require(split in (*SIZES, "all"), "split", f"one of {', '.join(SIZES)}, all", repr(split))
        self._key, self._start, labels = _recordings()
        parts = dict(zip(SIZES, deal(labels, tuple(SIZES.values()), SEED, stratified=True), strict=True))
        self._samples = np.concatenate(list(parts.values())) if split == "all" else parts[split]
        self.identity = f"digits 1 split={split!r}"
        self.labels: Int64[np.ndarray, "S"] = labels[self._samples]

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> tuple[Events, int]:
        sample = self._samples[index]
        t_us, ids = saccades.unpack(self._key[self._start[sample] : self._start[sample + 1]])
        p, y, x = np.unravel_index(ids, (self.sensor.polarities, self.sensor.height, self.sensor.width))
        events = Events(t_us, x.astype(np.int16), y.astype(np.int16), p.astype(np.uint8))
        return events, int(self.labels[index])


@cache
def _recordings() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All events as keys, the first event of each sample, and the labels."""
    from sklearn.datasets import load_digits  # takes a second to import; only this data set needs it

    images, labels = load_digits(return_X_y=True)
    return *saccades.record(images.reshape(-1, 8, 8), SEED), labels.astype(np.int64)
