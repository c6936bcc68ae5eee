"""Levels of bands: relative, freed of tilt, and cut to the word."""

import numpy as np
import pytest

from spikeloom.data.loudness import levels, mel_bank, smoothed, without_tilt, word

BANK = mel_bank(16, 100.0, 3900.0, 200.0, 8000, 512)


def noise(seed: int = 0) -> np.ndarray:
    return 1000 * np.random.default_rng(seed).standard_normal(2400)


def heard(samples: np.ndarray) -> np.ndarray:
    return levels(samples, bank=BANK, window=200, hop=80, range_db=50)


def test_every_band_weighs_to_one() -> None:
    assert BANK.shape == (16, 257)
    np.testing.assert_allclose(BANK.sum(1), 1, rtol=1e-12)


def test_levels_are_relative_to_the_loudest_frame_and_end_at_the_range() -> None:
    sound = noise()
    sound[1200:] = sound[:1200].mean()  # no offset is left in the second half
    level = heard(sound)
    assert level.shape == (30, 16)
    assert (10 ** (level / 10)).mean(1).max() == pytest.approx(1)
    assert (level[-5:] == -50).all()
    np.testing.assert_allclose(heard(1000 * sound), level, rtol=1e-9)


def test_any_tilt_and_loudness_are_taken_away_and_nothing_else() -> None:
    level, place = heard(noise()), np.arange(16)
    flat = without_tilt(level)
    np.testing.assert_allclose(without_tilt(level + 7 - 1.5 * place), flat, atol=1e-9)
    np.testing.assert_allclose(np.polyfit(place, flat.mean(0), 1), 0, atol=1e-9)
    np.testing.assert_allclose(np.diff(flat, axis=0), np.diff(level, axis=0), atol=1e-9)


def test_a_word_lies_between_its_loud_frames() -> None:
    level = np.full((20, 3), -50.0)
    level[8:12] = 0
    assert word(level, 40) == slice(6, 14)
    assert word(np.zeros((20, 3)), 40) == slice(0, 22)


def test_smoothing_keeps_what_is_steady_and_spreads_what_is_not() -> None:
    np.testing.assert_allclose(smoothed(np.full((9, 2), 3.0)), 3)
    click = np.zeros((9, 1))
    click[4] = 1
    spread = smoothed(click)[:, 0]
    np.testing.assert_allclose(spread, spread[::-1])
    assert spread.sum() == pytest.approx(1)
    assert spread[4] == pytest.approx(0.399, abs=1e-3)  # the Gaussian of one frame at 0
