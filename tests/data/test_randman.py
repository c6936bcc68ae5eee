"""Random manifolds: what a sample is, what the seed decides, and that nearby points spike at nearby times."""

from dataclasses import replace

import numpy as np
import pytest

from spikeloom import InputError
from spikeloom.data.randman import Manifolds, Randman

SMALL = Manifolds(classes=3, neurons=20, train_per_class=40, test_per_class=10, duration_ms=50)


def times(dataset: Randman) -> np.ndarray:
    """The time of each neuron's spike, [S, N]."""
    found = np.empty((len(dataset), dataset.sensor.width), np.int64)
    for index in range(len(dataset)):
        events, _ = dataset[index]
        found[index, events.x] = events.t_us
    return found


def test_every_neuron_spikes_once_in_a_sample_that_is_a_recording() -> None:
    dataset = Randman("train", SMALL)
    assert len(dataset) == 120
    assert np.bincount(dataset.labels).tolist() == [40, 40, 40]
    for index in (0, 57, 119):
        events, label = dataset[index]
        assert np.array_equal(np.sort(events.x), np.arange(20))
        assert label == dataset.labels[index]
        events.check(dataset.sensor, "sample")
        assert events.t_us[-1] < 50_000


def test_times_of_a_class_fill_the_sample() -> None:
    found = times(Randman("all", SMALL)).reshape(3, 50, 20)
    assert (found.min(axis=1) == 0).all()
    assert (found.max(axis=1) == 49_999).all()


def test_the_splits_share_no_sample_and_together_are_all() -> None:
    train, test, both = ({row.tobytes() for row in times(Randman(split, SMALL))} for split in ("train", "test", "all"))
    assert (len(train), len(test)) == (120, 30)
    assert not train & test
    assert train | test == both


def test_the_seed_decides() -> None:
    first, again, other = (times(Randman("test", replace(SMALL, seed=seed))) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_curve_is_smooth_and_a_rougher_one_less_so() -> None:
    """On a manifold of one dimension, the nearest other sample is near in all coordinates at once."""

    def nearest(alpha: float) -> float:
        settings = replace(SMALL, classes=1, alpha=alpha, train_per_class=400)
        place = times(Randman("train", settings)) / 50_000
        distance = np.abs(place[:, None] - place[None]).mean(axis=2)
        np.fill_diagonal(distance, np.inf)
        return float(distance.min(axis=1).mean())

    smooth, rough = nearest(2.0), nearest(0.7)
    assert smooth < 0.01
    assert rough > 3 * smooth


def test_the_identity_names_split_and_settings() -> None:
    datasets = [Randman("train", SMALL), Randman("test", SMALL), Randman("train", replace(SMALL, alpha=2.0))]
    assert len({dataset.identity for dataset in datasets}) == 3
    assert datasets[0].identity == Randman("train", SMALL).identity


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": 0}, "classes: expected 1 or above, got 0"),
        ({"alpha": 0.0}, "alpha: expected a number above 0, got 0.0"),
        ({"duration_ms": float("nan")}, "duration_ms: expected milliseconds from 0.001 to 1e9, got nan"),
        ({"seed": -1}, "seed: expected 0 or above, got -1"),
    ],
)
def test_settings_out_of_range(changes: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(SMALL, **changes)


def test_an_unknown_split() -> None:
    with pytest.raises(InputError, match="split: expected one of train, test, all, got 'valid'"):
        Randman("valid", SMALL)
