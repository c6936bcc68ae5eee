"""An ear for voices never heard before: spikes whose rates tell how loud each band is, and how that changes."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int16

from spikeloom.checks import require
from spikeloom.data.events import Events, Sensor
from spikeloom.data.loudness import levels, mel_bank, smoothed, without_tilt, word

SPECTRUM_BINS = 512  # of the Fourier transform, at least: at 8 kHz they lie closer than any band is wide
EDGE_FRAMES = 2  # an edge is what changes from so many frames before to so many after


@dataclass(frozen=True)
class Voice:
    """How a recording is changed to stand for another speaker and microphone.

    With x from -1 at the lowest band to 1 at the highest, `tilt_db * x + bow_db * (x**2 - 1/3)` is added to the levels,
    and all bands are moved to `warp` times their frequency, as another length of the vocal tract does (Jaitly and
    Hinton, "Vocal Tract Length Perturbation (VTLP) improves speech recognition", ICML workshop 2013).
    """

    tilt_db: float = 0.0
    bow_db: float = 0.0
    warp: float = 1.0


@dataclass(frozen=True)
class Ear:
    """How sound becomes spikes.

        A[t, b] = level of band b in dB below the loudest frame, cut at -range_db; frames before and after the word go
        L = A - line, the line over the bands that fits A's mean over the word best; both smoothed over time
        shape[t, k] = clip((L - shapes_db[k]) / ramp_db + 1/2, 0, 1)
        loudness[t, k] = clip((A - loudnesses_db[k]) / ramp_db + 1/2, 0, 1)
        rise, fall[t] = clip(+-(L[t+2] - L[t-2]) / edge_db, 0, 1)
        n[t] = floor(rate * sum(drive[0..t]) + 1/2) for each of these drives; a channel spikes where n grows

    L is freed of what a microphone and a voice's effort give to all sounds; A keeps how loud the sounds of a word are
    beside each other. With both, a network knows a new voice better than with one of them.

    The last line is an integrate-and-fire neuron without leak that keeps what is left over: the number of spikes never
    differs from the integral of the drive by more than a half (Yoon, "LIF and Simplified SRM Neurons Encode Signals
    Into Spikes via a Form of Asynchronous Pulse Sigma-Delta Modulation", IEEE TNNLS 28(5), 2017).

    Channel `(delay * kinds + kind) * bands + band`, kinds being shapes, loudnesses, rise and fall.

    Args:
        bands: of frequency, at least 2.
        lowest_hz: centre of band 0, above 0.
        highest_hz: centre of the last band, above `lowest_hz`.
        width_mel: half the base of each triangular band; wide enough not to show the harmonics of a high voice.
        window_ms: length of sound that a frame looks at.
        frame_ms: time between frames.
        range_db: levels end so far below the loudest frame.
        quiet_db: the word begins and ends within so much of its loudest frame.
        shapes_db: middle of each ramp over the level without tilt.
        loudnesses_db: middle of each ramp over the level itself, which is at most about 0.
        ramp_db: from no drive to full drive.
        edge_db: a change, over four frames, that gives full drive.
        rate: spikes a frame at full drive, from above 0 to 1.
        delays: how many channels repeat each, at least 1: the first with no delay, each other `delay_ms` later.
        delay_ms: between two of them.

    Raises:
        InputError: a number out of its range; more than 32,767 channels.
    """

    bands: int = 16
    lowest_hz: float = 100.0
    highest_hz: float = 3900.0
    width_mel: float = 200.0
    window_ms: float = 25.0
    frame_ms: float = 10.0
    range_db: float = 50.0
    quiet_db: float = 40.0
    shapes_db: tuple[float, ...] = (-12.0, -4.0, 4.0, 12.0)
    loudnesses_db: tuple[float, ...] = (-36.0, -24.0, -12.0)
    ramp_db: float = 12.0
    edge_db: float = 12.0
    rate: float = 0.42
    delays: int = 7
    delay_ms: float = 60.0

    def __post_init__(self) -> None:
        require(self.bands >= 2, "bands", "at least 2", self.bands)
        require(self.delays >= 1, "delays", "at least 1", self.delays)
        require(0 < self.lowest_hz < self.highest_hz, "highest_hz", f"above {self.lowest_hz}", self.highest_hz)
        for name in ("width_mel", "window_ms", "frame_ms", "range_db", "quiet_db", "ramp_db", "edge_db"):
            require(0 < getattr(self, name) < math.inf, name, "a number above 0", getattr(self, name))
        require(0 <= self.delay_ms < math.inf, "delay_ms", "0 or above", self.delay_ms)
        require(0 < self.rate <= 1, "rate", "above 0, up to 1", self.rate)
        require(self.channels < 1 << 15, "channels", "up to 32767", self.channels, "lower bands or delays")

    @property
    def kinds(self) -> int:
        """Channels of a band without delays."""
        return len(self.shapes_db) + len(self.loudnesses_db) + 2

    @property
    def channels(self) -> int:
        """How many channels there are."""
        return self.bands * self.kinds * self.delays

    @property
    def sensor(self) -> Sensor:
        """What the spikes lie on: the channel is x."""
        return Sensor(self.channels, 1, 1)

    def encode(self, samples: Int16[np.ndarray, "N"], rate_hz: int, source: str, voice: Voice | None = None) -> Events:
        """Turn sound into spikes; the same bits each time.

        Args:
            samples: `[N]`, the sound.
            rate_hz: samples a second.
            source: the recording, as an error names it.
            voice: another speaker that it shall stand for.

        Raises:
            InputError: a sampling rate too low for `highest_hz`, or silence.
        """
        enough = 2 * self.highest_hz <= rate_hz
        require(enough, f"{source}: sampling rate", f"at least {2 * self.highest_hz:g} Hz", rate_hz, "lower highest_hz")
        heard = len(samples) > 0 and bool(np.ptp(samples))
        require(heard, source, "sound", f"silence ({len(samples)} samples)", "leave it out")
        drive = self._drive(*self._levels(samples, rate_hz, voice or Voice()))
        count = np.floor(self.rate * np.cumsum(drive, axis=0) + 0.5)
        return self._delayed(*np.nonzero(np.diff(count, axis=0, prepend=0.0)))

    def _levels(self, samples: np.ndarray, rate_hz: int, voice: Voice) -> tuple[np.ndarray, np.ndarray]:
        """The word's levels `[T, B]`, with their tilt and without."""
        highest = min(self.highest_hz * voice.warp, rate_hz / 2 - 1)  # a band beyond half the rate would be empty
        window, hop = round(rate_hz * self.window_ms / 1000), round(rate_hz * self.frame_ms / 1000)
        # A transform shorter than the window would leave out the window's end.
        bins = max(SPECTRUM_BINS, 1 << (window - 1).bit_length())
        bank = mel_bank(self.bands, self.lowest_hz * voice.warp, highest, self.width_mel, rate_hz, bins)
        level = levels(samples, bank=bank, window=window, hop=hop, range_db=self.range_db)
        level = level[word(level, self.quiet_db)]
        x = np.linspace(-1, 1, self.bands)
        colour = voice.tilt_db * x + voice.bow_db * (x * x - 1 / 3)
        return smoothed(level + colour), smoothed(without_tilt(level) + colour)

    def _drive(self, level: Float64[np.ndarray, "T B"], flat: Float64[np.ndarray, "T B"]) -> Float64[np.ndarray, "T C"]:
        """Of each band's channels without delay, from 0 to 1; from the levels with their tilt and without."""
        middles = [(flat, middle) for middle in self.shapes_db] + [(level, middle) for middle in self.loudnesses_db]
        ramps = [np.clip((of - middle) / self.ramp_db + 0.5, 0, 1) for of, middle in middles]
        around = np.pad(flat, ((EDGE_FRAMES, EDGE_FRAMES), (0, 0)), mode="edge")
        change = (around[2 * EDGE_FRAMES :] - around[: -2 * EDGE_FRAMES]) / self.edge_db
        return np.hstack([*ramps, np.clip(change, 0, 1), np.clip(-change, 0, 1)])

    def _delayed(self, frame: np.ndarray, channel: Any) -> Events:
        """The spikes on all delay lines, in the order of time, and within it of channels."""
        delay = np.arange(self.delays)[:, None]
        t_us = np.rint(1000 * (frame * self.frame_ms + delay * self.delay_ms)).astype(np.int64).ravel()
        x = (delay * (self.bands * self.kinds) + channel).astype(np.int16).ravel()
        order = np.lexsort((x, t_us))
        nothing = np.zeros(len(order), np.int16)
        return Events(t_us[order], x[order], nothing, nothing.astype(np.uint8))
