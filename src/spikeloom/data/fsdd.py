"""The Free Spoken Digit Dataset: `recordings/<digit>_<speaker>_<repetition>.wav`, 8 kHz, mono, 16 bit.

Jackson, Souza, Flaks, Pan, Nicolas and Thite, "Free Spoken Digit Dataset", 2018, https://github.com/Jakobovski/free-spoken-digit-dataset.
Our own ear turns the sound into spikes.
"""

import os
import re
import struct
from pathlib import Path

import numpy as np
from jaxtyping import Int16, Int64, Shaped

from spikeloom.checks import InputError, require
from spikeloom.data.ear import Ear
from spikeloom.data.events import Events
from spikeloom.data.identity import of_files
from spikeloom.data.voices import described, voice_of

CLASSES = 10
TEST_REPETITIONS = 5  # of each digit and speaker, the first; the rest trains
SPLITS = ("train", "test", "all")

NAME = re.compile(r"([0-9])_([^_]+)_([0-9]{1,9})\.wav")
PCM, EXTENSIBLE = 1, 0xFFFE
RATES_HZ = (1000, 192_000)

GET_AGAIN = "get the file again from https://github.com/Jakobovski/free-spoken-digit-dataset"
GET_IT = "give the folder that holds 0_<speaker>_0.wav …, or recordings (https://github.com/Jakobovski/free-spoken-digit-dataset)"


def decode_wav(raw: bytes, source: str) -> tuple[Int16[np.ndarray, "N"], int]:
    """Read a RIFF file of sound: 16 bit PCM, one channel.

    Args:
        raw: the content of a file.
        source: the file, as an error names it.

    Returns:
        The samples, and how many of them make a second.

    Raises:
        InputError: no RIFF WAVE file, a truncated one, another kind of sound, or none at all.
    """
    riff = raw[:4] == b"RIFF" and raw[8:12] == b"WAVE"
    require(riff, source, "a WAVE file that begins with RIFF", raw[:12], GET_AGAIN)
    chunks = _chunks(raw, source)
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunks[b"fmt "])
    known = kind in (PCM, EXTENSIBLE) and (channels, bits) == (1, 16)
    got = f"format {kind} with {channels} channels of {bits} bits"
    require(known, source, "16 bit PCM, one channel", got, "convert it: sox IN -b 16 -c 1 OUT")
    low, high = RATES_HZ
    require(low <= rate <= high, source, f"a sampling rate from {low} to {high} Hz", rate, GET_AGAIN)
    data = chunks[b"data"]
    require(len(data) % 2 == 0, source, "2 bytes a sample", f"{len(data)} bytes", GET_AGAIN)
    require(len(data) > 0, source, "at least one sample", "none", GET_AGAIN)
    return np.frombuffer(data, "<i2").astype(np.int16), rate


def _chunks(raw: bytes, source: str) -> dict[bytes, memoryview]:
    """The content of the chunks `fmt ` and `data`; what follows the sound is not looked at."""
    found: dict[bytes, memoryview] = {}
    at = 12
    while b"data" not in found:
        require(at + 8 <= len(raw), source, "a chunk of sound, 'data'", f"the file's end at byte {len(raw)}", GET_AGAIN)
        name, size = struct.unpack_from("<4sI", raw, at)
        inside = at + 8 + size <= len(raw)
        got = f"{len(raw) - at - 8}, so it is truncated"
        require(inside, source, f"{size} bytes in chunk {name!r}", got, GET_AGAIN)
        found[name] = memoryview(raw)[at + 8 : at + 8 + size]
        at += 8 + size + size % 2  # chunks begin at even bytes
    described = len(found.get(b"fmt ", b"")) >= 16
    require(described, source, "a chunk 'fmt ' of 16 bytes or more before the sound", "none", GET_AGAIN)
    return found


class FSDD:
    """Spoken digits, zero to nine, in English, each said 50 times by each of 5 or 6 speakers; 0.14 to 2.3 s long.

    The files are listed when the data set is made; sound is read and turned into spikes when a sample is asked for.

    Args:
        root: the folder of the recordings, or one that holds it as `recordings`.
        split: "test" for repetitions 0 to 4, "train" for the rest, "all" for both.
        ear: how sound becomes spikes.
        copies: how often each recording comes again, in a voice of `voice_of`: copy c of recording i is sample
            `c * recordings + i`.

    Attributes:
        labels: `[S]` the digit.
        speakers: `[S]` who says it.
        identity: text that names all that the spikes depend on.

    Raises:
        InputError: a folder that is missing or holds no recording of the split; a file of another name; one that is
            too small to hold sound. Files with wrong content raise when they are read.
    """

    classes = CLASSES
    class_names = tuple(map(str, range(CLASSES)))

    def __init__(
        self, root: str | os.PathLike[str], split: str = "train", ear: Ear | None = None, copies: int = 0
    ) -> None:
        require(split in SPLITS, "split", f"one of {', '.join(SPLITS)}", repr(split))
        require(copies >= 0, "copies", "0 or above", copies)
        self.ear, self.copies = ear or Ear(), copies
        self.sensor = self.ear.sensor
        self._root, self._split = root, split
        found = [entry for entry in _list(Path(root)) if split == "all" or _is_test(entry) == (split == "test")]
        require(len(found) > 0, str(root), f"recordings of the split {split}", "none", GET_IT)
        self._files = [file for *_, file in found]
        self.labels: Int64[np.ndarray, "S"] = np.tile([digit for digit, *_ in found], 1 + copies).astype(np.int64)
        self.speakers: Shaped[np.ndarray, "S"] = np.tile([speaker for _, speaker, *_ in found], 1 + copies)
        # Change "fsdd 3" when the same settings make other spikes.
        self.identity = of_files("fsdd 3", self._files, split=split, ear=self.ear, copies=described(copies))

    def in_voices(self, copies: int) -> "FSDD":
        """The same recordings, and so many copies of each in made-up voices: sample `copy * recordings + recording`."""
        return FSDD(self._root, self._split, self.ear, copies)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Events, int]:
        """Read sample `index`, and turn it into spikes.

        Raises:
            InputError: a file that cannot be read, is no sound, or holds none that makes a channel fire.
        """
        copy, recording = divmod(int(index), len(self._files))
        file = self._files[recording]
        try:
            raw = file.read_bytes()
        except OSError as error:
            raise InputError(f"{file}: expected a recording, got {error.strerror}; {GET_AGAIN}") from error
        samples, rate = decode_wav(raw, str(file))
        events = self.ear.encode(samples, rate, str(file), voice_of(recording, copy))
        return events, int(self.labels[index])


Entry = tuple[int, str, int, Path]  # digit, speaker, repetition, file


def _is_test(entry: Entry) -> bool:
    return entry[2] < TEST_REPETITIONS


def _list(root: Path) -> list[Entry]:
    """The recordings below a folder, by digit, speaker and repetition."""
    folder = root / "recordings" if (root / "recordings").is_dir() else root
    require(folder.is_dir(), str(folder), "a folder with recordings", "no such folder", GET_IT)
    files = [file for file in folder.glob("*.wav") if not file.name.startswith(".")]
    require(len(files) > 0, str(folder), "recordings named <digit>_<speaker>_<repetition>.wav", "none", GET_IT)
    return sorted(_entry(file) for file in files)


def _entry(file: Path) -> Entry:
    match = NAME.fullmatch(file.name)
    if match is None:
        raise InputError(
            f"{file}: expected a name <digit>_<speaker>_<repetition>.wav, got {file.name}; move it elsewhere"
        )
    size = file.stat().st_size
    require(size > 44, str(file), "more than the 44 bytes before the sound", f"{size} bytes", GET_AGAIN)
    return int(match[1]), match[2], int(match[3]), file
