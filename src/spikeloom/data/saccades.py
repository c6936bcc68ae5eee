"""What an event sensor records of a still image while it moves in three saccades, as N-MNIST was made.

Orchard, Jayawant, Cohen and Thakor, Frontiers in Neuroscience 9:437, 2015: the sensor turns along the sides of an
isosceles triangle, 100 ms a side. A pixel emits an event when its brightness has changed by a threshold since its last
event, ON where it rose and OFF where it fell (Lichtsteiner, Posch and Delbruck, IEEE JSSC 43(2), 2008).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from spikeloom.data.events import Sensor

SENSOR = Sensor(34, 34, 2)
SACCADE_MS = 100.0
CORNERS = ((0.0, 6.0), (3.0, 0.0), (6.0, 6.0), (0.0, 6.0))  # (x, y) of the image on the sensor, in pixels
MARGIN = 3.0  # pixels between the sensor's edge and the image at a corner
IMAGE_PIXELS = 22.0  # how wide the image appears on the sensor

FRAME_MS = 2.0  # brightness is linear in between; the image moves at most 0.2 pixels meanwhile
CHUNK = 256  # images simulated together, so that their state stays in the cache


@dataclass(frozen=True)
class Imperfections:
    """What makes recordings of one image differ; all of it is drawn by seed.

    Args:
        threshold: mean change of brightness that makes an event, where the image's brightest pixel is 1.
        mismatch: standard deviation of the threshold between pixels, as a fraction of it.
        sensitivity: largest deviation of a whole recording's threshold, as a fraction of it.
        delay_ms: largest delay before the first saccade.
        latency_ms: largest time between a change and its event.
        noise: mean number of events in a recording that no change caused.
    """

    threshold: float = 0.18
    mismatch: float = 0.15
    sensitivity: float = 0.2
    delay_ms: float = 8.0
    latency_ms: float = 2.0
    noise: float = 60.0


@dataclass(frozen=True, eq=False)
class Crossings:
    """`[K]` crossings of a threshold: the sample, the pixel `y * width + x`, whether brightness rose, and the time."""

    sample: np.ndarray
    pixel: np.ndarray
    rising: np.ndarray
    ms: np.ndarray


def record(images: np.ndarray, seed: int, flaws: Imperfections | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Move the sensor over images and collect its events.

    Args:
        images: `[S, H, W]` brightness as integers from 0 to 16.
        seed: of all imperfections.
        flaws: how large these are.

    Returns:
        `[K]` int64 keys in ascending order, sample above time above id (see `unpack`), and `[S + 1]` the index of the
        first event of each sample.
    """
    flaws = flaws or Imperfections()
    paths = [_path(ms) for ms in np.arange(0, 3 * SACCADE_MS + FRAME_MS, FRAME_MS)]
    weights = [(_weights(images.shape[1], y), _weights(images.shape[2], x)) for x, y in paths]
    keys = []
    for first in range(0, len(images), CHUNK):
        rng = np.random.default_rng((seed, first))
        part = np.ascontiguousarray(images[first : first + CHUNK].transpose(1, 2, 0), np.float32)  # [H, W, S]
        threshold = _thresholds(part.shape[2], flaws, rng)
        # A pixel's last event before the recording may have been at any brightness near to the present one.
        phase = rng.uniform(-0.9, 0.9, threshold.shape).astype(np.float32)
        found = _simulate(part, weights, threshold, phase)
        keys.append(_disturb(found, part.shape[2], flaws, rng) + (first << _SAMPLE_BIT))
    key = np.sort(np.concatenate(keys))
    return key, np.searchsorted(key, np.arange(len(images) + 1, dtype=np.int64) << _SAMPLE_BIT)


_ID_BITS, _SAMPLE_BIT = 12, 12 + 20  # ids below 4,096; times below 1.05 s


def unpack(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The times in µs and the ids that keys hold."""
    return key >> _ID_BITS & ((1 << _SAMPLE_BIT - _ID_BITS) - 1), key & ((1 << _ID_BITS) - 1)


def _path(ms: float) -> tuple[float, float]:
    """Where the image's corner is, (x, y) in pixels; each saccade speeds up and slows down as a cosine."""
    side = min(int(ms // SACCADE_MS), 2)
    done = (1 - np.cos(np.pi * (ms - side * SACCADE_MS) / SACCADE_MS)) / 2
    start, end = np.array(CORNERS[side]), np.array(CORNERS[side + 1])
    x, y = MARGIN + start + done * (end - start)
    return float(x), float(y)


def _weights(cells: int, corner: float) -> Float32[np.ndarray, "P C"]:
    """How much each cell of the image adds to each pixel along one axis, bilinear.

    Multiples of 1/256, so that brightness is a sum without rounding: the same events come out of any matrix product,
    on any number of threads.
    """
    place = (np.arange(SENSOR.width) + 0.5 - corner) * cells / IMAGE_PIXELS - 0.5
    near = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(cells)))
    weights: np.ndarray = (np.round(near * 256) / 256).astype(np.float32)
    return weights


def _thresholds(samples: int, flaws: Imperfections, rng: np.random.Generator) -> Float32[np.ndarray, "P S"]:
    """The threshold of each pixel in each recording, in the images' unit."""
    whole = 1 + flaws.sensitivity * rng.uniform(-1, 1, samples)
    pixel = 1 + flaws.mismatch * rng.standard_normal((SENSOR.width * SENSOR.height, samples), np.float32)
    threshold: np.ndarray = (16 * flaws.threshold * whole * np.maximum(pixel, 0.3)).astype(np.float32)
    return threshold


def _simulate(
    images: np.ndarray, weights: list[tuple[np.ndarray, np.ndarray]], threshold: np.ndarray, phase: np.ndarray
) -> Crossings:
    """Every crossing of a threshold; brightness at the last event starts `phase` thresholds off the first frame's."""
    samples = images.shape[2]
    found = [(np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0))]
    before = _brightness(images, *weights[0])
    reference = before + phase * threshold
    for frame, (rows, columns) in enumerate(weights[1:]):
        now = _brightness(images, rows, columns)
        at = np.flatnonzero(np.abs(now - reference) >= threshold)
        while len(at):
            step = np.copysign(threshold.flat[at], now.flat[at] - reference.flat[at])
            reference.flat[at] += step
            crossed = (reference.flat[at] - before.flat[at]) / (now.flat[at] - before.flat[at])
            found.append((at, step > 0, (frame + np.clip(crossed, 0, 1)) * FRAME_MS))
            at = at[np.abs(now.flat[at] - reference.flat[at]) >= threshold.flat[at]]
        before = now
    at, rising, ms = (np.concatenate(column) for column in zip(*found, strict=True))
    return Crossings(at % samples, at // samples, rising, ms)


def _brightness(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> Float32[np.ndarray, "P S"]:
    """What each pixel of the sensor sees of each image `[H, W, S]`."""
    height, width, samples = images.shape
    tall = (rows @ images.reshape(height, -1)).reshape(len(rows), width, samples)
    brightness: np.ndarray = np.matmul(columns, tall).reshape(-1, samples)
    return brightness


def _disturb(found: Crossings, samples: int, flaws: Imperfections, rng: np.random.Generator) -> Int64[np.ndarray, "K"]:
    """Delay and blur the events in time, add noise, and make keys of them."""
    noise = rng.poisson(flaws.noise * samples)
    sample = np.append(found.sample, rng.integers(0, samples, noise))
    pixel = np.append(found.pixel, rng.integers(0, SENSOR.width * SENSOR.height, noise))
    p = np.append(found.rising, rng.integers(0, 2, noise)).astype(np.int64)
    ms = np.append(found.ms, rng.uniform(0, 3 * SACCADE_MS, noise))
    ms += rng.uniform(0, flaws.delay_ms, samples)[sample] + rng.uniform(0, flaws.latency_ms, len(ms))
    t_us = (1000 * ms).astype(np.int64)
    key: np.ndarray = (sample << _SAMPLE_BIT) + (t_us << _ID_BITS) + p * SENSOR.width * SENSOR.height + pixel
    return key
