"""The ear: spikes count what drives them, microphones do not matter, and what cannot be heard is said."""

from dataclasses import replace

import numpy as np
import pytest

from spikeloom.checks import InputError
from spikeloom.data.ear import Ear, Voice
from spikeloom.data.events import Events, Sensor

RATE_HZ = 8000
SMALL = Ear(delays=1)  # 144 channels


def noise(seed: int = 0) -> np.ndarray:
    return np.rint(1000 * np.random.default_rng(seed).standard_normal(2400)).astype(np.int16)


def columns(events: Events) -> tuple[list[int], list[int]]:
    return events.t_us.tolist(), events.x.tolist()


def test_spikes_are_a_recording_of_the_sensor_and_the_same_each_time() -> None:
    events = SMALL.encode(noise(), RATE_HZ, "noise").check(SMALL.sensor, "noise")
    assert SMALL.sensor == Sensor(144, 1, 1)
    assert columns(events) == columns(SMALL.encode(noise(), RATE_HZ, "noise"))
    assert (events.t_us % 10_000 == 0).all()


def test_a_channel_spikes_as_often_as_its_drive_adds_up_to() -> None:
    drive = SMALL._drive(*SMALL._levels(noise(), RATE_HZ, Voice()))
    spikes = np.bincount(SMALL.encode(noise(), RATE_HZ, "noise").x, minlength=144)
    assert (drive >= 0).all()
    assert (drive <= 1).all()
    assert np.abs(spikes - SMALL.rate * drive.sum(0)).max() <= 0.5 + 1e-9


def test_rise_and_fall_follow_a_step_of_loudness() -> None:
    level = np.repeat([[-10.0], [10.0], [-10.0]], 10, axis=0) * np.ones(16)
    drive = SMALL._drive(level, level).reshape(30, 9, 16)
    assert np.flatnonzero(drive[:, 7, 0]).tolist() == [8, 9, 10, 11]
    assert np.flatnonzero(drive[:, 8, 0]).tolist() == [18, 19, 20, 21]


def test_shapes_are_of_the_level_without_tilt_and_loudnesses_of_the_level_itself() -> None:
    drive = SMALL._drive(np.full((1, 16), -24.0), np.full((1, 16), 4.0)).reshape(9, 16)[:, 0]
    # Ramps of 12 dB, half way up at -12, -4, 4, 12 and at -36, -24, -12.
    np.testing.assert_allclose(drive[:7], [1, 1, 0.5, 0, 1, 0.5, 0])


def test_delay_lines_repeat_what_is_heard() -> None:
    once = SMALL.encode(noise(), RATE_HZ, "noise")
    lines = replace(SMALL, delays=3, delay_ms=50).encode(noise(), RATE_HZ, "noise")
    assert len(lines) == 3 * len(once)
    for line in range(3):
        mine = lines.x // 144 == line
        np.testing.assert_array_equal(lines.t_us[mine], once.t_us + line * 50_000)
        np.testing.assert_array_equal(lines.x[mine] % 144, once.x)


def test_loudness_does_not_matter() -> None:
    assert columns(SMALL.encode(noise(), RATE_HZ, "a")) == columns(SMALL.encode(4 * noise(), RATE_HZ, "b"))


def test_another_voice_makes_other_spikes_and_a_plain_one_the_same() -> None:
    plain = columns(SMALL.encode(noise(), RATE_HZ, "a"))
    assert columns(SMALL.encode(noise(), RATE_HZ, "a", Voice())) == plain
    for voice in (Voice(tilt_db=5), Voice(bow_db=5), Voice(warp=1.05)):
        assert columns(SMALL.encode(noise(), RATE_HZ, "a", voice)) != plain


@pytest.mark.parametrize("samples", [0, 800])
def test_silence_is_an_error(samples: int) -> None:
    with pytest.raises(InputError, match=rf"a.wav: expected sound, got silence \({samples} samples\); leave it out"):
        SMALL.encode(np.zeros(samples, np.int16), RATE_HZ, "a.wav")


def test_a_sampling_rate_too_low_is_an_error() -> None:
    with pytest.raises(InputError, match="a.wav: sampling rate: expected at least 7800 Hz, got 6000"):
        SMALL.encode(noise(), 6000, "a.wav")


@pytest.mark.parametrize(
    "wrong",
    [
        {"bands": 1},
        {"delays": 0},
        {"rate": 0.0},
        {"rate": 1.5},
        {"ramp_db": 0.0},
        {"range_db": float("inf")},
        {"delay_ms": -1.0},
        {"delays": 400},
    ],
)
def test_numbers_out_of_range_are_errors(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        replace(SMALL, **wrong)


def test_a_frame_is_heard_to_its_end_at_any_sampling_rate() -> None:
    """At 48 kHz a window has 1,200 samples, more than the shortest transform takes; frame 5 has its middle at 2,400."""
    sound = np.zeros(4800, np.int16)
    sound[2400] = 20_000
    level, _ = replace(SMALL, quiet_db=1000)._levels(sound, 48_000, Voice())
    assert int(level.mean(1).argmax()) == 5
