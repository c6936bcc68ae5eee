"""The cochlea: tones land where they belong, loudness does not matter, and what cannot be heard is said."""

from dataclasses import replace

import numpy as np
import pytest

from spikeloom.checks import InputError
from spikeloom.data.cochlea import Cochlea, _Neurons, _window_and_bank
from spikeloom.data.events import Events, Sensor

RATE_HZ = 8000
SMALL = Cochlea(thresholds=(0.3, 0.6), delays=1)  # 70 channels


def tone(hz: float, *, seconds: float = 0.3, loudness: float = 8000.0) -> np.ndarray:
    return np.rint(loudness * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)).astype(np.int16)


def noise(seconds: float = 0.3, seed: int = 0) -> np.ndarray:
    return np.rint(1000 * np.random.default_rng(seed).standard_normal(int(seconds * RATE_HZ))).astype(np.int16)


def columns(events: Events) -> tuple[list[int], list[int]]:
    return events.t_us.tolist(), events.x.tolist()


@pytest.mark.parametrize("hz", [200, 500, 1000, 2000, 3500])
def test_a_tone_is_heard_most_by_the_bands_tuned_to_it(hz: int) -> None:
    # bands are equally spaced in mel = 2595 log10(1 + f / 700)
    low, high, mine = (2595 * np.log10(1 + f / 700) for f in (SMALL.lowest_hz, SMALL.highest_hz, hz))
    expected = (mine - low) / (high - low) * (SMALL.bands - 1)
    heard = np.bincount(SMALL.encode(tone(hz), RATE_HZ, "tone").x % SMALL.bands, minlength=SMALL.bands)
    assert abs(np.flatnonzero(heard == heard.max()).mean() - expected) < 1


def test_the_louder_a_band_the_more_of_its_fibres_fire() -> None:
    cochlea = Cochlea(delays=1)
    band = 28  # around 2.5 kHz
    fibres = []
    for loudness in (0, 50, 500, 8000):
        heard = cochlea.encode(tone(300) + tone(2500, loudness=loudness), RATE_HZ, "tones").x
        fibres.append(len(np.unique(heard[heard % cochlea.bands == band])))
    assert fibres == [0, 1, 3, 4]


def test_delay_lines_repeat_what_is_heard() -> None:
    once = replace(SMALL, delays=1).encode(noise(), RATE_HZ, "noise")
    lines = replace(SMALL, delays=3, delay_ms=50).encode(noise(), RATE_HZ, "noise").check(Sensor(210, 1, 1), "noise")
    assert len(lines) == 3 * len(once)
    for line in range(3):
        mine = lines.x // 70 == line
        np.testing.assert_array_equal(lines.t_us[mine], once.t_us + line * 50_000)
        np.testing.assert_array_equal(lines.x[mine] % 70, once.x)


def test_spikes_are_a_recording_of_the_sensor_and_the_same_each_time() -> None:
    events = SMALL.encode(noise(), RATE_HZ, "noise").check(SMALL.sensor, "noise")
    assert columns(events) == columns(SMALL.encode(noise(), RATE_HZ, "noise"))
    assert (events.t_us % 1000 == 0).all()
    assert events.t_us[-1] < 300_000


def test_a_recording_of_any_loudness_makes_the_same_spikes() -> None:
    quiet = noise()
    assert columns(SMALL.encode(quiet, RATE_HZ, "quiet")) == columns(SMALL.encode(4 * quiet, RATE_HZ, "loud"))


def test_a_constant_offset_is_not_heard() -> None:
    assert columns(SMALL.encode(noise(), RATE_HZ, "a")) == columns(SMALL.encode(noise() + np.int16(500), RATE_HZ, "b"))


def test_blocks_of_frames_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = SMALL.encode(noise(), RATE_HZ, "noise")
    monkeypatch.setattr("spikeloom.data.cochlea.BLOCK_FRAMES", 7)
    assert columns(whole) == columns(SMALL.encode(noise(), RATE_HZ, "noise"))


def test_neurons_follow_their_equation() -> None:
    cochlea = Cochlea(bands=1, tau_ms=10, thresholds=(0.32,), refractory_ms=2)
    spikes = _Neurons(cochlea).fire(np.ones((12, 1)))[:, 0]
    # 1 - exp(-t / 10) is 0.095, 0.181, 0.259, 0.330: the fourth frame fires; two frames rest; then the same again
    assert np.flatnonzero(spikes).tolist() == [3, 9]


@pytest.mark.parametrize(("drive", "fires"), [(0.59, False), (0.61, True)])
def test_a_threshold_is_the_steady_drive_that_just_makes_a_fibre_fire(drive: float, fires: bool) -> None:
    neurons = _Neurons(Cochlea(bands=1, thresholds=(0.6,)))
    assert neurons.fire(np.full((400, 1), drive)).any() == fires


def test_every_band_weighs_to_one() -> None:
    window, bank = _window_and_bank(Cochlea(), RATE_HZ)
    assert window.shape == (200,)
    assert bank.shape == (35, 129)
    np.testing.assert_allclose(np.asarray(bank.sum(1)).ravel(), 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("sound", "got"),
    [
        (np.zeros(800, np.int16), "silence (800 samples)"),
        (np.zeros(0, np.int16), "silence (0 samples)"),
        (tone(500)[:3], "none"),
    ],
)
def test_sound_that_no_fibre_hears_is_an_error(sound: np.ndarray, got: str) -> None:
    with pytest.raises(InputError) as error:
        SMALL.encode(sound, RATE_HZ, "a.wav")
    assert str(error.value).startswith("a.wav: expected sound in which a fibre fires, got ")
    assert got in str(error.value)
    assert "leave it out" in str(error.value)


def test_a_sampling_rate_too_low_is_an_error() -> None:
    with pytest.raises(InputError, match="a.wav: sampling rate: expected at least 7800 Hz, got 6000; lower highest_hz"):
        SMALL.encode(noise(), 6000, "a.wav")
    with pytest.raises(InputError, match="frame_ms: expected a whole number of samples at 11025 Hz, got 1.0"):
        SMALL.encode(noise(), 11025, "a.wav")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bands": 0}, "bands: expected at least 1, got 0"),
        ({"delays": 0}, "delays: expected at least 1, got 0"),
        ({"delays": 235}, "channels: expected up to 32767, got 32900; lower bands or delays"),
        ({"lowest_hz": 4000.0}, "highest_hz: expected above 4000.0, got 3900.0"),
        ({"tau_ms": 0.0}, "tau_ms: expected a number above 0, got 0.0"),
        ({"range_db": float("nan")}, "range_db: expected a number above 0, got nan"),
        ({"thresholds": ()}, "thresholds: expected numbers above 0, one a fibre, got ()"),
        ({"thresholds": (0.5, 0.0)}, "thresholds: expected numbers above 0, one a fibre, got (0.5, 0.0)"),
        ({"delay_ms": -1.0}, "delay_ms: expected 0 or above, got -1.0"),
        ({"refractory_ms": -1.0}, "refractory_ms: expected 0 or above, got -1.0"),
        ({"window_ms": 0.5}, "window_ms: expected from 1.0 to 1000, got 0.5"),
    ],
)
def test_settings_out_of_range_are_errors(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as error:
        Cochlea(**settings)  # type: ignore[arg-type]
    assert str(error.value).startswith(message)


def test_a_band_between_two_frequencies_is_an_error() -> None:
    with pytest.raises(
        InputError, match="width_mel: expected bands that hold a frequency, got 1.0; .* raise width_mel"
    ):
        Cochlea(width_mel=1.0).encode(noise(), RATE_HZ, "a.wav")
