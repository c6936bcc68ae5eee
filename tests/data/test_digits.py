"""The digits that need no download, and the saccades that make events of them."""

import numpy as np
import pytest

from spikeloom import InputError
from spikeloom.data import saccades
from spikeloom.data.binning import Binning, encode
from spikeloom.data.digits import Digits
from spikeloom.data.events import Sensor


@pytest.fixture(scope="module")
def digits() -> tuple[Digits, Digits]:
    return Digits("train"), Digits("test")


def test_every_image_is_in_one_split_and_classes_in_both_alike(digits: tuple[Digits, Digits]) -> None:
    train, test = digits
    assert (len(train), len(test), train.classes) == (1437, 360, 10)
    assert sorted([*train._samples.tolist(), *test._samples.tolist()]) == list(range(1797))
    shares = np.bincount(test.labels) / (np.bincount(test.labels) + np.bincount(train.labels))
    assert shares.tolist() == pytest.approx([0.2] * 10, abs=0.01)


def test_recordings_are_as_lively_as_n_mnist(digits: tuple[Digits, Digits]) -> None:
    train = digits[0]
    recordings = [train[i][0].check(train.sensor, "sample") for i in range(0, 1437, 40)]
    assert train.sensor == Sensor(34, 34, 2)
    counts = [len(events) for events in recordings]
    assert np.mean(counts) == pytest.approx(3300, rel=0.1)
    assert 1500 < min(counts) < max(counts) < 6000
    assert max(int(events.t_us[-1]) for events in recordings) < 311_000
    assert np.mean(np.concatenate([events.p for events in recordings])) == pytest.approx(0.5, abs=0.02)
    spikes = encode(recordings, Binning(train.sensor, dt_ms=1, steps=310))
    assert 0.003 < spikes.activity < 0.008


def test_three_saccades_show_in_the_rate(digits: tuple[Digits, Digits]) -> None:
    t_us = np.concatenate([digits[0][i][0].t_us for i in range(50)])
    rate, _ = np.histogram(t_us, np.arange(13) * 25_000)
    quiet, busy = rate[[0, 3, 4, 7, 8, 11]], rate[[1, 2, 5, 6, 9, 10]]
    assert quiet.max() < busy.min()


def test_events_of_a_digit_tell_its_image(digits: tuple[Digits, Digits]) -> None:
    """The nearest class mean of event counts is right far above chance, so labels and recordings belong together."""
    train, test = digits

    def counts(part: Digits, samples: range) -> np.ndarray:
        return np.stack([np.bincount(part[i][0].ids(part.sensor), minlength=2312) for i in samples])

    seen = counts(train, range(400))
    means = np.stack([seen[train.labels[:400] == digit].mean(0) for digit in range(10)])
    asked = counts(test, range(100))
    guess = ((asked[:, None] - means[None]) ** 2).sum(2).argmin(1)
    assert (guess == test.labels[:100]).mean() > 0.7


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(InputError, match="^split: expected one of train, test, all, got 'valid'"):
        Digits("valid")


IMAGES = np.random.default_rng(0).integers(0, 17, (5, 8, 8))
STILL = saccades.Imperfections(mismatch=0, sensitivity=0, delay_ms=0, latency_ms=0, noise=0)


def events_of(recorded: tuple[np.ndarray, np.ndarray], sample: int) -> tuple[np.ndarray, np.ndarray]:
    key, start = recorded
    return saccades.unpack(key[start[sample] : start[sample + 1]])


def test_recordings_follow_the_seed() -> None:
    first, again, other = (saccades.record(IMAGES, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_blank_image_makes_no_event_but_noise() -> None:
    blank = np.zeros((40, 8, 8), int)
    assert len(saccades.record(blank, 0, STILL)[0]) == 0
    key, start = saccades.record(blank, 0)
    assert np.diff(start).mean() == pytest.approx(60, rel=0.1)
    assert len(key) == start[-1]


def test_a_higher_threshold_makes_fewer_events() -> None:
    low, high = (saccades.record(IMAGES, 0, saccades.Imperfections(threshold=h))[0] for h in (0.1, 0.3))
    assert len(low) > 2 * len(high)


def test_an_edge_that_moves_right_darkens_what_it_leaves() -> None:
    """A bright block that returns to where it started makes as many ON as OFF events at each pixel, up to one."""
    image = np.zeros((1, 8, 8), int)
    image[0, 2:6, 2:6] = 16
    t_us, ids = events_of(saccades.record(image, 0, STILL), 0)
    net = np.bincount(ids, minlength=2312).reshape(2, -1)
    assert np.abs(net[1] - net[0]).max() <= 1
    first = t_us < 100_000  # the image moves up and to the right
    y, p = ids[first] // 34 % 34, ids[first] // 1156
    assert y[p == 1].mean() < y[p == 0].mean() - 4


def test_sums_of_brightness_are_exact() -> None:
    """Whatever order a matrix product sums in, the brightness and so the events are the same."""
    weights = [saccades._weights(8, corner) for corner in saccades._path(37.0)]
    images = np.ascontiguousarray(IMAGES.transpose(1, 2, 0), np.float32)
    single = saccades._brightness(images, *weights)
    double = saccades._brightness(images.astype(np.float64), *(w.astype(np.float64) for w in weights))
    assert np.array_equal(single, double)
