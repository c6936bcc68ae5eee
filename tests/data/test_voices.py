"""Recordings in made-up voices: the same each time, of the part that is trained on alone, labelled as recorded."""

from pathlib import Path

import numpy as np
import pytest
from data.test_fsdd import wav

from spikeloom.checks import InputError
from spikeloom.data import voices
from spikeloom.data.digits import Digits
from spikeloom.data.ear import Voice
from spikeloom.data.fsdd import FSDD
from spikeloom.data.subset import Subset
from spikeloom.data.voices import WARP, in_voices, voice_of


def recordings(folder: Path, count: int) -> FSDD:
    (folder / "recordings").mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        sound = np.rint(3000 * rng.standard_normal(1600)).astype(np.int16)
        (folder / "recordings" / f"{number}_ann_7.wav").write_bytes(wav(sound))
    return FSDD(folder)


def test_a_voice_is_drawn_once_and_copy_0_is_as_recorded() -> None:
    assert voice_of(7, 0) == Voice()
    drawn = [voice_of(recording, copy) for recording in range(20) for copy in (1, 2)]
    assert drawn == [voice_of(recording, copy) for recording in range(20) for copy in (1, 2)]
    assert len(set(drawn)) == 40
    assert max(abs(voice.warp - 1) for voice in drawn) <= WARP
    assert 1.5 < np.std([voice.tilt_db for voice in drawn]) < 4.5


def test_copies_of_a_part_are_of_its_recordings_alone(tmp_path: Path) -> None:
    dataset = recordings(tmp_path, 5)
    part = Subset(dataset, [3, 1])
    voiced = in_voices(part, 2)
    assert len(voiced) == 6
    assert voiced.labels.tolist() == [3, 1, 3, 1, 3, 1]
    assert voiced.speakers.tolist() == ["ann"] * 6
    for i in range(2):
        np.testing.assert_array_equal(voiced[i][0].x, part[i][0].x)
        assert voiced[i + 2][0].x.tolist() != part[i][0].x.tolist()
        assert voiced[i + 2][0].x.tolist() != voiced[i + 4][0].x.tolist()


def test_no_copies_are_the_part_itself(tmp_path: Path) -> None:
    part = Subset(recordings(tmp_path, 2), [0])
    assert in_voices(part, 0) is part


def test_what_has_no_sound_has_no_voices() -> None:
    with pytest.raises(InputError, match="voices: expected 0, or a data set read from sound, as fsdd, got 2"):
        in_voices(Digits("train"), 2)


def test_copies_belong_to_the_identity(tmp_path: Path) -> None:
    dataset = recordings(tmp_path, 1)
    assert len({dataset.identity, dataset.in_voices(1).identity, dataset.in_voices(2).identity}) == 3
    with pytest.raises(InputError, match="copies: expected 0 or above, got -1"):
        dataset.in_voices(-1)


def test_how_voices_are_drawn_belongs_to_the_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a converted copy would be found again that other voices were made for."""
    dataset = recordings(tmp_path, 1)
    before = [dataset.in_voices(copies).identity for copies in (0, 2)]
    monkeypatch.setattr(voices, "WARP", 0.5)
    plain, voiced = (dataset.in_voices(copies).identity for copies in (0, 2))
    assert plain == before[0]
    assert voiced != before[1]
