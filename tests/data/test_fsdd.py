"""FSDD: the files of the published layout, their splits, and what is wrong with others."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spikeloom.checks import InputError
from spikeloom.data.ear import Ear
from spikeloom.data.fsdd import FSDD, decode_wav

REAL = Path(__file__).parents[3] / "shared" / "data" / "fsdd"

SOUND = np.rint(3000 * np.sin(np.arange(1600) * 0.5)).astype(np.int16)
SMALL = Ear(delays=1)  # 144 channels


def wav(samples: np.ndarray = SOUND, *, rate: int = 8000, kind: int = 1, channels: int = 1, bits: int = 16) -> bytes:
    data = samples.astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", kind, channels, rate, 2 * rate % (1 << 32), channels * bits // 8, bits)
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    def make(*names: str) -> Path:
        (tmp_path / "recordings").mkdir()
        for name in names:
            (tmp_path / "recordings" / name).write_bytes(wav())
        return tmp_path

    return make


def test_the_published_form_is_read() -> None:
    samples, rate = decode_wav(wav(), "a.wav")
    assert rate == 8000
    assert samples.dtype == np.int16
    np.testing.assert_array_equal(samples, SOUND)


def test_other_chunks_are_passed_over() -> None:
    raw = wav()
    other = b"LIST" + struct.pack("<I", 3) + b"abc\0"  # of odd size, and so padded
    np.testing.assert_array_equal(decode_wav(raw[:12] + other + raw[12:] + other, "a.wav")[0], SOUND)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "a.wav: expected a WAVE file that begins with RIFF, got b''"),
        (b"OggS" + bytes(40), "a.wav: expected a WAVE file that begins with RIFF, got b'OggS"),
        (wav()[:12], "a.wav: expected a chunk of sound, 'data', got the file's end at byte 12"),
        (wav()[:30], "a.wav: expected 16 bytes in chunk b'fmt ', got 10, so it is truncated"),
        (wav()[:-1], "a.wav: expected 3200 bytes in chunk b'data', got 3199, so it is truncated"),
        (wav()[:12] + wav()[36:], "a.wav: expected a chunk 'fmt ' of 16 bytes or more before the sound, got none"),
        (wav(channels=2), "a.wav: expected 16 bit PCM, one channel, got format 1 with 2 channels of 16 bits"),
        (wav(kind=3, bits=32), "a.wav: expected 16 bit PCM, one channel, got format 3 with 1 channels of 32 bits"),
        (wav(rate=0), "a.wav: expected a sampling rate from 1000 to 192000 Hz, got 0"),
        (wav(rate=1 << 31), "a.wav: expected a sampling rate from 1000 to 192000 Hz, got 2147483648"),
        (wav(SOUND[:0]), "a.wav: expected at least one sample, got none"),
        (wav()[:40] + struct.pack("<I", 3) + b"abc\0", "a.wav: expected 2 bytes a sample, got 3 bytes"),
    ],
)
def test_what_is_no_such_sound_is_an_error(raw: bytes, message: str) -> None:
    with pytest.raises(InputError) as error:
        decode_wav(raw, "a.wav")
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_splits_labels_and_speakers_come_from_the_names(folder: Callable[..., Path]) -> None:
    root = folder("3_ann_10.wav", "3_ann_9.wav", "0_bob_4.wav", "3_ann_4.wav", ".0_hidden_0.wav")
    train, test, both = (FSDD(root, split, SMALL) for split in ("train", "test", "all"))
    assert train.labels.tolist() == [3, 3]
    assert test.labels.tolist() == [0, 3]
    assert test.speakers.tolist() == ["bob", "ann"]
    assert both.speakers.tolist() == ["bob", "ann", "ann", "ann"]
    assert [file.stem for file in train._files] == ["3_ann_9", "3_ann_10"]  # by number, not by letters
    assert len({train.identity, test.identity, both.identity}) == 3
    assert both.class_names == tuple("0123456789")


def test_both_the_repository_and_its_recordings_are_accepted(folder: Callable[..., Path]) -> None:
    root = folder("1_ann_7.wav")
    assert FSDD(root).identity == FSDD(root / "recordings").identity


def test_samples_are_spikes_of_the_ear(folder: Callable[..., Path]) -> None:
    dataset = FSDD(folder("7_ann_7.wav"), ear=SMALL)
    events, label = dataset[0]
    expected = SMALL.encode(SOUND, 8000, "a.wav")
    assert (label, dataset.sensor.size, dataset.classes) == (7, 144, 10)
    np.testing.assert_array_equal(events.t_us, expected.t_us)
    np.testing.assert_array_equal(events.x, expected.x)


def test_the_identity_names_the_settings_of_the_ear(folder: Callable[..., Path]) -> None:
    root = folder("1_ann_7.wav")
    assert FSDD(root).identity != FSDD(root, ear=SMALL).identity


@pytest.mark.parametrize(
    ("names", "split", "message"),
    [
        ((), "train", "recordings: expected recordings named <digit>_<speaker>_<repetition>.wav, got none; give the"),
        (("1_ann_7.wav",), "test", "expected recordings of the split test, got none"),
        (("1_ann_7.wav",), "validation", "split: expected one of train, test, all, got 'validation'"),
        (("x_ann_7.wav",), "train", "expected a name <digit>_<speaker>_<repetition>.wav, got x_ann_7.wav; move it"),
    ],
)
def test_folders_that_are_no_such_data_set(
    folder: Callable[..., Path], names: tuple[str, ...], split: str, message: str
) -> None:
    with pytest.raises(InputError) as error:
        FSDD(folder(*names), split)
    assert message in str(error.value)


def test_a_missing_folder_an_empty_file_and_one_that_vanishes(folder: Callable[..., Path]) -> None:
    root = folder("1_ann_7.wav", "1_ann_8.wav")
    with pytest.raises(InputError, match="nowhere: expected a folder with recordings, got no such folder; give the"):
        FSDD(root / "nowhere")
    dataset = FSDD(root)
    (root / "recordings" / "1_ann_7.wav").unlink()
    with pytest.raises(InputError, match="1_ann_7.wav: expected a recording, got No such file or directory; get the"):
        dataset[0]
    (root / "recordings" / "1_ann_8.wav").write_bytes(wav()[:44])
    with pytest.raises(InputError, match="1_ann_8.wav: expected more than the 44 bytes before the sound, got 44 bytes"):
        FSDD(root)


def test_of_the_real_recordings_2_to_10_percent_of_the_channels_are_active_in_10_ms() -> None:
    if not REAL.is_dir():
        pytest.skip(f"the real recordings are not at {REAL}")
    dataset = FSDD(REAL, "all")
    assert len(dataset) == 2500
    assert sorted(set(dataset.speakers.tolist())) == ["george", "jackson", "nicolas", "theo", "yweweler"]
    assert np.bincount(dataset.labels).tolist() == [250] * 10
    activity = []
    for sample in range(0, 2500, 50):
        events, _ = dataset[sample]
        events.check(dataset.sensor, "real")
        bins = events.t_us // 10_000
        active = len(np.unique(bins * dataset.sensor.width + events.x))
        activity.append(active / (dataset.sensor.width * (bins[-1] + 1)))
    assert 0.02 <= np.mean(activity) <= 0.10
