"""The data sets that spikeloom knows by name: where they come from, how their folder looks, and what opens it."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spikeloom.checks import require
from spikeloom.data import places
from spikeloom.data.dataset import Dataset
from spikeloom.data.download import Archive

Open = Callable[[Path, str], Dataset]


@dataclass(frozen=True)
class Entry:
    """What is known of a data set before it is opened.

    Args:
        name: as the settings and the command line call it.
        title: one line for people.
        open: makes the data set from its folder and a split; a set that is made, not read, takes no note of the folder.
        holds: what its folder holds, as an error says it; empty for a set that is made, not read.
        signs: patterns of files, relative to the folder, one of which a folder of this set has.
        inside: folders below its own in which the recordings may lie, such as the one its archive unpacks into.
        splits: the parts it comes in.
        archives: what `spikeloom data get` takes it from; none for what cannot be had anywhere.
        licence: of the recordings.
        citation: what to cite.
        home: the page of its publisher.
    """

    name: str
    title: str
    open: Open
    holds: str = ""
    signs: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    splits: tuple[str, ...] = ("train", "test")
    archives: tuple[Archive, ...] = ()
    licence: str = ""
    citation: str = ""
    home: str = ""

    def find(self, folder: Path) -> Path | None:
        """The folder that really holds the recordings, `folder` or one below it; None where neither does."""
        for place in (folder, *(folder / name for name in self.inside)):
            if any(next(place.glob(sign), None) is not None for sign in self.signs):
                return place
        return None


def open_dataset(name: str, path: str | os.PathLike[str] | None = None, split: str = "train") -> Dataset:
    """Open a split of a data set.

    Args:
        name: a key of `CATALOGUE`.
        path: its folder; None: where `spikeloom data get` puts it.
        split: "train", "test" or "all"; of some sets "validation", too.

    Raises:
        InputError: an unknown name, a set that is not there, and what its reader finds.
    """
    entry = named(name)
    if not entry.holds:
        require(path is None, "--data", f"none, since {name} is made and not read", path, "leave it out")
        return entry.open(Path(), split)
    if path is not None:
        given = Path(path)
        return entry.open(entry.find(given) or given, split)
    require(name != "folder", "--data", "your folder of recordings", "none", "give it by --data DIR")
    folder = places.recordings(name)
    found = entry.find(folder)
    remedy = f"run `spikeloom data get {name}`, or put them there, or give the folder that holds them by --data DIR"
    require(found is not None, "--data", f"{entry.holds} of {name}", f"none in {folder}", remedy)
    return entry.open(found or folder, split)


def splits(name: str, path: str | os.PathLike[str] | None) -> tuple[str, ...]:
    """The parts that a data set comes in, such as "train" and "test"; none of a folder of your own that is not split.

    Args:
        name: a key of `CATALOGUE`.
        path: its folder; None: where `spikeloom data get` puts it.
    """
    if name == "folder" and path is not None:
        return tuple(split for split in ("train", "validation", "test") if (Path(path) / split).is_dir())
    return named(name).splits


def named(name: str) -> Entry:
    """The entry of a data set.

    Raises:
        InputError: no such data set.
    """
    require(name in CATALOGUE, "data set", f"one of {', '.join(CATALOGUE)}", name)
    return CATALOGUE[name]


def recognise(folder: Path) -> Entry:
    """The data set that a folder looks like; "folder" is the last guess.

    Raises:
        InputError: no folder, or one that looks like none.
    """
    require(folder.is_dir(), str(folder), "a folder of recordings, or the name of a data set", "no such folder")
    found = [entry for entry in CATALOGUE.values() if entry.find(folder) is not None]
    kinds = "; ".join(f"{entry.name}: {entry.holds}" for entry in CATALOGUE.values() if entry.holds)
    require(len(found) > 0, str(folder), f"the files of a known data set ({kinds})", "none of them")
    return found[0]


def _digits(folder: Path, split: str) -> Dataset:
    from spikeloom.data.digits import Digits

    return Digits(split)


def _nmnist(folder: Path, split: str) -> Dataset:
    from spikeloom.data.nmnist import NMNIST

    return NMNIST(folder, split)


def _shd(folder: Path, split: str) -> Dataset:
    from spikeloom.data.shd import SHD

    return SHD(folder, split)


def _ssc(folder: Path, split: str) -> Dataset:
    from spikeloom.data.ssc import SSC

    return SSC(folder, split)


def _dvsgesture(folder: Path, split: str) -> Dataset:
    from spikeloom.data.dvsgesture import DVSGesture

    return DVSGesture(folder, split)


def _fsdd(folder: Path, split: str) -> Dataset:
    from spikeloom.data.fsdd import FSDD

    return FSDD(folder, split)


def _randman(folder: Path, split: str) -> Dataset:
    from spikeloom.data.randman import Randman

    return Randman(split)


def _folder(folder: Path, split: str) -> Dataset:
    from spikeloom.data.folder import Folder

    return Folder(folder, split)


HEIDELBERG = "https://zenkelab.org/datasets/"
MENDELEY = "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/"
IBM = "https://ibm.ent.box.com/s/3hiq58ww1pbbjrinh367ykfdf60xsfm8/folder/50167556794"
CRAMER = (
    "Cramer, Stradmann, Schemmel and Zenke, The Heidelberg Spiking Data Sets for the Systematic Evaluation of Spiking "
    "Neural Networks, IEEE Transactions on Neural Networks and Learning Systems 33:2744-2757, 2022"
)

# Where the checksums are published: SHD, SSC and N-MNIST in tonic's sources (datasets/hsd.py, datasets/nmnist.py),
# DVS128 Gesture in SpikingJelly's (datasets/dvs128_gesture.py), FSDD in TensorFlow Datasets'
# (audio/spoken_digit/checksums.tsv).
_ENTRIES = (
    Entry(
        "digits",
        "scikit-learn's handwritten digits, moved over an event sensor",
        _digits,
        citation="Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998",
        home="https://archive.ics.uci.edu/dataset/80",
    ),
    Entry(
        "nmnist",
        "handwritten digits in front of an event camera that moves",
        _nmnist,
        holds="Train and Test with a folder for each digit",
        signs=("Train/[0-9]/*.bin", "Test/[0-9]/*.bin"),
        archives=(
            Archive(
                "Train.zip",
                MENDELEY + "39c25547-014b-4137-a934-9d29fa53c7a0/file_downloaded",
                "md5:20959b8e626244a1b502305a9e6e2031",
            ),
            Archive(
                "Test.zip",
                MENDELEY + "05a4d654-7e03-4c15-bdfa-9bb2bcbea494/file_downloaded",
                "md5:69ca8762b2fe404d9b9bad1103e97832",
            ),
        ),
        licence="CC BY-SA 4.0",
        citation=(
            "Orchard, Jayawant, Cohen and Thakor, Converting Static Image Datasets to Spiking Neuromorphic Datasets "
            "Using Saccades, Frontiers in Neuroscience 9:437, 2015"
        ),
        home="https://www.garrickorchard.com/datasets/n-mnist",
    ),
    Entry(
        "shd",
        "Spiking Heidelberg Digits: spoken digits, English and German, through a cochlea of 700 channels",
        _shd,
        holds="shd_train.h5 and shd_test.h5",
        signs=("shd_train.h5", "shd_test.h5"),
        archives=(
            Archive("shd_train.h5.zip", HEIDELBERG + "shd_train.h5.zip", "md5:f3252aeb598ac776c1b526422d90eecb"),
            Archive("shd_test.h5.zip", HEIDELBERG + "shd_test.h5.zip", "md5:1503a5064faa34311c398fb0a1ed0a6f"),
        ),
        licence="CC BY 4.0",
        citation=CRAMER,
        home="https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/",
    ),
    Entry(
        "ssc",
        "Spiking Speech Commands: 35 spoken words through a cochlea of 700 channels",
        _ssc,
        holds="ssc_train.h5, ssc_valid.h5 and ssc_test.h5",
        signs=("ssc_train.h5", "ssc_valid.h5", "ssc_test.h5"),
        splits=("train", "validation", "test"),
        archives=(
            Archive("ssc_train.h5.zip", HEIDELBERG + "ssc_train.h5.zip", "md5:d102be95e7144fcc0553d1f45ba94170"),
            Archive("ssc_valid.h5.zip", HEIDELBERG + "ssc_valid.h5.zip", "md5:b4eee3516a4a90dd0c71a6ac23a8ae43"),
            Archive("ssc_test.h5.zip", HEIDELBERG + "ssc_test.h5.zip", "md5:a35ff1e9cffdd02a20eb850c17c37748"),
        ),
        licence="CC BY 4.0",
        citation=CRAMER,
        home="https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/",
    ),
    Entry(
        "dvsgesture",
        "DVS128 Gesture: 11 gestures of 29 people in front of an event camera",
        _dvsgesture,
        holds="trials_to_train.txt, trials_to_test.txt and the .aedat recordings",
        signs=("trials_to_train.txt", "trials_to_test.txt", "*.aedat"),
        inside=("DvsGesture",),
        archives=(Archive("DvsGesture.tar.gz", IBM, "md5:8a5c71fb11e24e5ca5b11866ca6c00a1", browser_only=True),),
        licence="CC BY 4.0",
        citation="Amir et al., A Low Power, Fully Event-Based Gesture Recognition System, CVPR, 2017",
        home="https://research.ibm.com/interactive/dvsgesture/",
    ),
    Entry(
        "fsdd",
        "Free Spoken Digit Dataset: wav files, through spikeloom's own ear of 1,008 channels",
        _fsdd,
        holds="wav files named <digit>_<speaker>_<repetition>.wav",
        signs=("[0-9]_*_*.wav",),
        inside=("recordings", "free-spoken-digit-dataset-1.0.9/recordings"),
        archives=(
            Archive(
                "free-spoken-digit-dataset-1.0.9.tar.gz",
                "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.9.tar.gz",
                "sha256:8bc44cde129d505cbbb6b365c09f80c663f2aa77578afc634e6141a2f87100c0",
            ),
        ),
        licence="CC BY-SA 4.0",
        citation="Jackson, Free Spoken Digit Dataset, version 1.0.9, 2016",
        home="https://github.com/Jakobovski/free-spoken-digit-dataset",
    ),
    Entry(
        "randman",
        "random manifolds: classes that differ in spike times alone",
        _randman,
        citation=(
            "Zenke and Vogels, The Remarkable Robustness of Surrogate Gradient Learning for Instilling Complex "
            "Function in Spiking Neural Networks, Neural Computation 33:899-925, 2021"
        ),
        home="https://doi.org/10.1162/neco_a_01367",
    ),
    Entry(
        "folder",
        "a folder of your own recordings",
        _folder,
        holds="npz or csv files with t, x, y, p, in a folder for each class",
        signs=("sensor.json", "*.npz", "*.csv", "*/*.npz", "*/*.csv", "*/*/*.npz", "*/*/*.csv"),
    ),
)

CATALOGUE: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
"""The data sets by name, in the order in which a folder is recognised."""
