"""A simple inner ear: from sound to the spikes of some hundred channels, each tuned to a band of frequencies.

Its stages are those with which the Spiking Heidelberg Digits were made (Cramer, Stradmann, Schemmel and Zenke, "The
Heidelberg Spiking Data Sets for the Systematic Evaluation of Spiking Neural Networks", IEEE TNNLS 33(7), 2022), each
in its simplest form: a filter bank for the basilar membrane, compression for the hair cells, integrate-and-fire neurons
for the auditory nerve. Bands are equally spaced in mel (Stevens, Volkmann and Newman 1937, in the form of
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
SILENT = 1e-30  # stands for no power at all, whose logarithm has no value


@dataclass(frozen=True)
class Cochlea:
    """How sound becomes spikes.

        level[t, b] = 10 log10(power of frame t in band b / power of the loudest frame)
        drive[t, b] = max(0, 1 + level[t, b] / range_db)
        u[t, b, f] = a u[t-1, b, f] + (1 - a) drive[t, b], with a = exp(-frame_ms / tau_ms); a spike sets it to 0
        fibre f of band b spikes where u[t, b, f] >= thresholds[f]

    Loudness is relative to the recording's own loudest frame, so it does not matter how far away the speaker was. The
    fibres of a band differ in threshold, as those of a hair cell do (Liberman, "Auditory-nerve response from cats
    raised in a low-noise chamber", JASA 63, 1978): the louder the band, the more of them fire.

    Each fibre comes with delay lines, which repeat its spikes later, so that a network sees beside the sound of now
    what came before it; without, it tells words apart by their mean spectrum alone. Delays are worth much in the
    recognition of speech (Hammouamri, Khalfaoui-Hassani and Masquelier, "Learning Delays in Spiking Neural Networks
    using Dilated Convolutions with Learnable Spacings", ICLR 2024).

    Channel `(delay * fibres + fibre) * bands + band`: neighbours are neighbours in frequency.

    Args:
        bands: of frequency, at least 1.
        lowest_hz: centre of band 0, above 0.
        highest_hz: centre of the last band, above `lowest_hz` and at most half the sound's sampling rate.
        width_mel: half the base of each triangular band, in mel.
        window_ms: length of sound that a frame looks at, under a Hann window; up to 1000.
        frame_ms: time between frames, and of the neurons' steps.
        range_db: how far below the recording's loudest frame a band stops driving its fibres.
        tau_ms: time constant of the neurons' leak.
        thresholds: of each fibre of a band, above 0: the steady drive that just makes it fire.
        refractory_ms: how long a fibre is silent after a spike.
        delays: how many channels each fibre has, at least 1: the first with no delay, each other `delay_ms` later.
        delay_ms: between two of them, 0 or above.

    Raises:
        InputError: a number out of its range; more than 32,767 channels.
    """

    bands: int = 35
    lowest_hz: float = 80.0
    highest_hz: float = 3900.0
    width_mel: float = 100.0
    window_ms: float = 25.0
    frame_ms: float = 1.0
    range_db: float = 60.0
    tau_ms: float = 40.0
    thresholds: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8)
    refractory_ms: float = 15.0
    delays: int = 5
    delay_ms: float = 90.0

    def __post_init__(self) -> None:
        for name in ("bands", "delays"):
            require(getattr(self, name) >= 1, name, "at least 1", getattr(self, name))
        above = f"above {self.lowest_hz}"
        require(0 < self.lowest_hz < self.highest_hz < math.inf, "highest_hz", above, self.highest_hz)
        for name in ("width_mel", "window_ms", "frame_ms", "range_db", "tau_ms"):
            value = getattr(self, name)
            require(0 < value < math.inf, name, "a number above 0", value)
        for name in ("refractory_ms", "delay_ms"):
            value = getattr(self, name)
            require(0 <= value < math.inf, name, "0 or above", value)
        positive = len(self.thresholds) > 0 and all(0 < value < math.inf for value in self.thresholds)
        require(positive, "thresholds", "numbers above 0, one a fibre", self.thresholds)
        require(self.frame_ms <= self.window_ms <= 1000, "window_ms", f"from {self.frame_ms} to 1000", self.window_ms)
        require(self.channels < 1 << 15, "channels", "up to 32767", self.channels, "lower bands or delays")

    @property
    def channels(self) -> int:
        """How many channels there are: bands times fibres times delays."""
        return self.bands * len(self.thresholds) * self.delays

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
            InputError: a sampling rate too low for `highest_hz`, or sound in which no fibre fires.
        """
        enough = 2 * self.highest_hz <= rate_hz
        require(enough, f"{source}: sampling rate", f"at least {2 * self.highest_hz:g} Hz", rate_hz, "lower highest_hz")
        neurons, frames, fibres = _Neurons(self), [], []
        start = 0
        for drive in _drives(self, samples, rate_hz):
            frame, fibre = np.nonzero(neurons.fire(np.tile(drive, len(self.thresholds))))
            frames.append(frame + start)
            fibres.append(fibre)
            start += len(drive)
        events = self._delayed(np.concatenate(frames), np.concatenate(fibres))
        heard = f"silence ({len(samples)} samples)" if len(samples) == 0 or not np.ptp(samples) else "none"
        require(len(events) > 0, source, "sound in which a fibre fires", heard, "leave it out, or lower the thresholds")
        return events

    def _delayed(self, frame: np.ndarray, fibre: np.ndarray) -> Events:
        """The spikes on all delay lines, in the order of time, and within it of channels."""
        delay = np.arange(self.delays)[:, None]
        t_us = np.rint(1000 * (frame * self.frame_ms + delay * self.delay_ms)).astype(np.int64).ravel()
        channel = (delay * (self.bands * len(self.thresholds)) + fibre).astype(np.int16).ravel()
        order = np.lexsort((channel, t_us))
        nothing = np.zeros(len(order), np.int16)
        return Events(t_us[order], channel[order], nothing, nothing.astype(np.uint8))


class _Neurons:
    """One integrate-and-fire neuron a fibre; their state lasts from one block of frames to the next."""

    def __init__(self, cochlea: Cochlea) -> None:
        self._decay = math.exp(-cochlea.frame_ms / cochlea.tau_ms)
        self._threshold = np.repeat(cochlea.thresholds, cochlea.bands) / (1 - self._decay)  # for u in units of 1 - a
        self._refractory = round(cochlea.refractory_ms / cochlea.frame_ms)
        self._u, self._awake = np.zeros(len(self._threshold)), np.zeros(len(self._threshold), np.int64)
        self._frame = 0

    def fire(self, drive: Float64[np.ndarray, "T F"]) -> Bool[np.ndarray, "T F"]:
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


def _drives(cochlea: Cochlea, samples: np.ndarray, rate_hz: int) -> Iterator[Float64[np.ndarray, "T B"]]:
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
    """The window `[L]`, and the triangular bands `[B, F]` as a sparse matrix; each band's weights add up to 1."""
    from scipy import sparse  # takes a moment to import

    length = _frame_and_window(cochlea, rate_hz)[1]
    bins = 1 << (length - 1).bit_length()
    # A band must be wider than the distance of two frequencies, or it could fall between them.
    spacing_hz = rate_hz / bins
    frequencies = _mel(np.arange(bins // 2 + 1) * spacing_hz)
    centres = np.linspace(_mel(cochlea.lowest_hz), _mel(cochlea.highest_hz), cochlea.bands)
    bank = np.maximum(0.0, 1 - np.abs(frequencies - centres[:, None]) / cochlea.width_mel)
    total = bank.sum(1, keepdims=True)
    remedy = f"frequencies lie {spacing_hz:g} Hz apart; raise width_mel or window_ms"
    require(bool((total > 0).all()), "width_mel", "bands that hold a frequency", cochlea.width_mel, remedy)
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
