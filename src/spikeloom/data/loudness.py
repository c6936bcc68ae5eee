"""From sound to how loud each band of frequency is, freed of what differs between microphones and rooms.

Bands are equally spaced in mel (Stevens, Volkmann and Newman 1937, in the form of O'Shaughnessy, "Speech
Communication", 1987), as in the front ends of speech recognisers (Davis and Mermelstein, "Comparison of Parametric
Representations for Monosyllabic Word Recognition", IEEE TASSP 28(4), 1980).
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float64

SILENT = 1e-30  # stands for no power at all, whose logarithm has no value


def levels(
    samples: np.ndarray, *, bank: np.ndarray, window: int, hop: int, range_db: float
) -> Float64[np.ndarray, "T B"]:
    """The level of each band in dB, relative to the loudest frame, and at least `-range_db`.

    Args:
        samples: `[N]`, the sound.
        bank: `[B, F]` from `mel_bank`.
        window: samples that a frame looks at, under a Hann window.
        hop: samples from frame to frame.
        range_db: levels end there.
    """
    centred = samples.astype(np.float64) - (samples.mean() if len(samples) else 0)
    sound = np.pad(centred, (window // 2, window))
    frames = np.lib.stride_tricks.sliding_window_view(sound, window)[: max(len(samples), 1) : hop]
    spectrum = np.fft.rfft(frames * np.hanning(window + 2)[1:-1], 2 * (bank.shape[1] - 1), axis=1)
    # An einsum sums in a fixed order, which a BLAS does not promise.
    power = np.einsum("tf,bf->tb", spectrum.real**2 + spectrum.imag**2, bank, optimize=False)
    loudest = power.mean(1).max() or 1.0
    level: np.ndarray = np.maximum(10 * np.log10(np.maximum(power / loudest, SILENT)), -range_db)
    return level


def word(level: Float64[np.ndarray, "T B"], quiet_db: float) -> slice:
    """From the first to the last frame within `quiet_db` of the loudest one, with two more on either side."""
    loud = 10 * np.log10((10 ** (level / 10)).mean(1))
    heard = np.flatnonzero(loud > loud.max() - quiet_db)
    return slice(max(0, int(heard[0]) - 2), int(heard[-1]) + 3)


def without_tilt(level: Float64[np.ndarray, "T B"]) -> Float64[np.ndarray, "T B"]:
    """Subtract the line over the bands that fits the recording's mean spectrum best (least squares).

    Its height is the loudness of the recording, its slope the tilt that a microphone and a voice's effort give to all
    sounds. The rest of the mean spectrum stays: it tells which vowels were said.
    """
    bands = level.shape[1]
    place = np.arange(bands) - (bands - 1) / 2
    mean = level.mean(0)
    slope = (place * mean).sum() / max((place * place).sum(), 1.0)
    flat: np.ndarray = level - (mean.mean() + slope * place)
    return flat


def smoothed(level: Float64[np.ndarray, "T B"]) -> Float64[np.ndarray, "T B"]:
    """Average over time under a Gaussian with a standard deviation of one frame; the ends repeat."""
    weights = np.exp(-0.5 * np.arange(-3, 4) ** 2)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(level, ((3, 3), (0, 0)), mode="edge"), 7, axis=0)
    mean: np.ndarray = np.einsum("tbk,k->tb", around, weights / weights.sum(), optimize=False)
    return mean


@lru_cache(maxsize=256)
def mel_bank(bands: int, lowest_hz: float, highest_hz: float, width_mel: float, rate_hz: int, bins: int) -> np.ndarray:
    """Triangular bands `[bands, bins // 2 + 1]`, each with weights that add up to 1."""
    frequencies = mel(np.arange(bins // 2 + 1) * rate_hz / bins)
    centres = np.linspace(mel(lowest_hz), mel(highest_hz), bands)
    bank = np.maximum(0.0, 1 - np.abs(frequencies - centres[:, None]) / width_mel)
    weighed: np.ndarray = bank / bank.sum(1, keepdims=True)
    return weighed


def mel(hz: float | np.ndarray) -> np.ndarray:
    """Pitch in mel (O'Shaughnessy 1987)."""
    return 2595 * np.log10(1 + np.asarray(hz) / 700)
