"""A simple inner ear: from sound to the spikes of some hundred channels, each tuned to a band of frequencies.

Its stages are those with which the Spiking Heidelberg Digits were made (Cramer, Stradmann, Schemmel and Zenke, "The
Heidelberg Spiking Data Sets for the Systematic Evaluation of Spiking Neural Networks", IEEE TNNLS 33(7), 2022), each
in its simplest form: a filter bank for the basilar membrane, compression for the hair cells, integrate-and-fire neurons
for the auditory nerve. Channels are equally spaced in mel (Stevens, Volkmann and Newman 1937, in the form of
O'Shaughnessy, "Speech Communication", 1987).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int16

from spikeloom.checks import require
from spikeloom.data.events import Events, Sensor

BLOCK_FRAMES = 128  # are computed at a time: they stay in a cache, and memory does not grow with a recording's length
GOLDEN = (math.sqrt(5) - 1) / 2
SILENT = 1e-30  # stands for no power at all, whose logarithm has no value


@dataclass(frozen=True)
class Cochlea:
    """How sound becomes spikes.

        level[t, c] = 10 log10(power of the sound at frame t in the band of c / power of the loudest frame)
        drive[t, c] = max(0, 1 + level[t, c] / range_db)
        u[t, c] = exp(-frame_ms / tau_ms) u[t-1, c] + frame_ms drive[t, c], set to 0 by a spike and while refractory
        spike where u[t, c] >= threshold_ms (1 + spread g[c]), with g[c] fixed, from -1 to 1

    Loudness is relative to the recording's own loudest frame, so that it does not matter how far away the speaker was.
    Neighbouring channels hear almost the same, but differ in threshold, as fibres of one hair cell do (Liberman 1978):
    the louder a band, the more of its channels fire. g follows the golden ratio, so that any run of channels holds
    thresholds of all heights.

    Args:
        channels: how many, from 1 to 32,767.
        lowest_hz: centre of channel 0, above 0.
        highest_hz: centre of the last channel, above `lowest_hz` and at most half the sound's sampling rate.
        band_mel: half the base of each channel's triangular band, in mel.
        window_ms: length of sound that a frame looks at, under a Hann window.
        frame_ms: time between frames, and of the neurons' steps.
        range_db: how far below the recording's loudest frame a band stops driving its channels.
        tau_ms: time constant of the neurons' leak.
        threshold_ms: how long the strongest drive would take to make a channel fire, without leak, on average.
        spread: by how much thresholds differ, relative to their mean, from 0 below 1.
        refractory_ms: how long a channel is silent after a spike.

    Raises:
        InputError: a number out of its range.
    """

    channels: int = 700
    lowest_hz: float = 80.0
    highest_hz: float = 3900.0
    band_mel: float = 100.0
    window_ms: float = 25.0
    frame_ms: float = 1.0
    range_db: float = 50.0
    tau_ms: float = 40.0
    threshold_ms: float = 40.0
    spread: float = 0.9
    refractory_ms: float = 5.0

    def __post_init__(self) -> None:
        require(1 <= self.channels < 1 << 15, "channels", "from 1 to 32767", self.channels)
        require(
            0 < self.lowest_hz < self.highest_hz < math.inf, "highest_hz", f"above {self.lowest_hz}", self.highest_hz
        )
        for name in ("band_mel", "window_ms", "frame_ms", "range_db", "tau_ms", "threshold_ms"):
            value = getattr(self, name)
            require(0 < value < math.inf, name, "a number above 0", value)
        require(0 <= self.spread < 1, "spread", "from 0 below 1", self.spread)
        require(0 <= self.refractory_ms < math.inf, "refractory_ms", "0 or above", self.refractory_ms)
        require(self.frame_ms <= self.window_ms <= 1000, "window_ms", f"from {self.frame_ms} to 1000", self.window_ms)

    @property
    def sensor(self) -> Sensor:
        """What the spikes lie on: the channel is x."""
        return Sensor(self.channels, 1, 1)

    def encode(self, samples: Int16[np.ndarray, "N"], rate_hz: int, source: str) -> Events:
        """Turn sound into spikes; the same bits each time.

        Args:
            samples: `[N]`, the sound.
            rate_hz: samples a second.
            source: the recording, as an error names it.

        Raises:
            InputError: a sampling rate too low for `highest_hz`, or sound in which no channel fires.
        """
        enough = 2 * self.highest_hz <= rate_hz
        require(enough, f"{source}: sampling rate", f"at least {2 * self.highest_hz:g} Hz", rate_hz, "lower highest_hz")
        neurons, frames, channels = _Neurons(self), [], []
        start = 0
        for drive in _drives(self, samples, rate_hz):
            frame, channel = np.nonzero(neurons.fire(drive))
            frames.append(frame + start)
            channels.append(channel.astype(np.int16))
            start += len(drive)
        frame, channel = np.concatenate(frames), np.concatenate(channels)
        heard = f"silence ({len(samples)} samples)" if len(samples) == 0 or not np.ptp(samples) else "none"
        require(len(frame) > 0, source, "sound in which a channel fires", heard, "leave it out, or lower threshold_ms")
        t_us = np.rint(frame * (1000 * self.frame_ms)).astype(np.int64)
        return Events(t_us, channel, np.zeros(len(t_us), np.int16), np.zeros(len(t_us), np.uint8))


class _Neurons:
    """One integrate-and-fire neuron a channel; their state lasts from one block of frames to the next."""

    def __init__(self, cochlea: Cochlea) -> None:
        height = 2 * (np.arange(cochlea.channels) * GOLDEN % 1) - 1
        self._threshold = cochlea.threshold_ms * (1 + cochlea.spread * height) / cochlea.frame_ms
        self._decay = math.exp(-cochlea.frame_ms / cochlea.tau_ms)
        self._refractory = round(cochlea.refractory_ms / cochlea.frame_ms)
        self._u, self._awake = np.zeros(cochlea.channels), np.zeros(cochlea.channels, np.int64)
        self._frame = 0

    def fire(self, drive: Float64[np.ndarray, "T C"]) -> Bool[np.ndarray, "T C"]:
        """The spikes of the next frames."""
        u, awake, spikes = self._u, self._awake, np.empty(drive.shape, bool)
        for current, spike in zip(drive, spikes, strict=True):
            u *= self._decay
            u += current
            u *= awake <= self._frame
            np.greater_equal(u, self._threshold, out=spike)
            u[spike] = 0
            awake[spike] = self._frame + 1 + self._refractory
            self._frame += 1
        return spikes


def _drives(cochlea: Cochlea, samples: np.ndarray, rate_hz: int) -> Iterator[Float64[np.ndarray, "T C"]]:
    """What drives the neurons, block by block; at least one block."""
    hop, length = _frame_and_window(cochlea, rate_hz)
    window, bank = _window_and_bank(cochlea, rate_hz)
    sound = np.pad(samples.astype(np.float64) - (samples.mean() if len(samples) else 0), (length // 2, length))
    frames = np.lib.stride_tricks.sliding_window_view(sound, length)[: max(len(samples), 1) : hop]
    blocks = [frames[start : start + BLOCK_FRAMES] for start in range(0, len(frames), BLOCK_FRAMES)]
    share = np.asarray(bank.mean(0)).ravel()
    loudest = max(float((_spectrum(block, window, bank) * share).sum(1).max()) for block in blocks)
    for block in blocks:
        # A sparse product sums in a fixed order, which a BLAS does not promise.
        power = (bank @ _spectrum(block, window, bank).T).T
        level = np.log10(np.maximum(power / (loudest or 1.0), SILENT))
        yield np.ascontiguousarray(np.maximum(0.0, 1 + level * (10 / cochlea.range_db)))


def _spectrum(frames: Float64[np.ndarray, "T L"], window: np.ndarray, bank: Any) -> Float64[np.ndarray, "T F"]:
    """The power of each frame at each frequency."""
    spectrum = np.fft.rfft(frames * window, 2 * (bank.shape[1] - 1), axis=1)
    power: np.ndarray = spectrum.real**2 + spectrum.imag**2
    return power


@lru_cache(maxsize=4)
def _window_and_bank(cochlea: Cochlea, rate_hz: int) -> tuple[np.ndarray, Any]:
    """The window `[L]`, and the triangular bands `[C, F]` as a sparse matrix; each band's weights add up to 1."""
    from scipy import sparse  # takes a moment to import

    length = _frame_and_window(cochlea, rate_hz)[1]
    bins = 1 << (length - 1).bit_length()
    # A band must be wider than the distance of two frequencies, or it could fall between them.
    spacing_hz = rate_hz / bins
    frequencies = _mel(np.arange(bins // 2 + 1) * spacing_hz)
    centres = np.linspace(_mel(cochlea.lowest_hz), _mel(cochlea.highest_hz), cochlea.channels)
    bank = np.maximum(0.0, 1 - np.abs(frequencies - centres[:, None]) / cochlea.band_mel)
    total = bank.sum(1, keepdims=True)
    remedy = f"frequencies lie {spacing_hz:g} Hz apart; raise band_mel or window_ms"
    require(bool((total > 0).all()), "band_mel", "bands that hold a frequency", cochlea.band_mel, remedy)
    return np.hanning(length + 2)[1:-1], sparse.csr_matrix(bank / total)


def _frame_and_window(cochlea: Cochlea, rate_hz: int) -> tuple[int, int]:
    """Samples from frame to frame, and of a window."""
    hop = round(rate_hz * cochlea.frame_ms / 1000)
    exact = hop >= 1 and math.isclose(hop, rate_hz * cochlea.frame_ms / 1000)
    require(exact, "frame_ms", f"a whole number of samples at {rate_hz} Hz", cochlea.frame_ms)
    return hop, round(rate_hz * cochlea.window_ms / 1000)


def _mel(hz: Any) -> Any:
    """Pitch in mel (O'Shaughnessy 1987)."""
    return 2595 * np.log10(1 + hz / 700)
