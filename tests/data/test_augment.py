"""What augmentations draw; what a change does to events is tested with binning."""

import numpy as np
import pytest

from spikeloom import InputError
from spikeloom.data.augment import Augmentation, Change, Changes, EventDrop, Jitter, TimeSkew, draw

ALL = (Jitter(2), TimeSkew(0.8, 1.2), EventDrop(0.25))


def columns(changes: Changes) -> np.ndarray:
    return np.stack([changes.dx, changes.dy, changes.stretch, changes.keep])


def test_changes_follow_seed_and_epoch() -> None:
    first = columns(draw(ALL, 100, seed=3, epoch=4))
    assert np.array_equal(first, columns(draw(ALL, 100, seed=3, epoch=4)))
    for seed, epoch in ((3, 5), (4, 4)):
        assert (first != columns(draw(ALL, 100, seed=seed, epoch=epoch))).any(1).tolist() == [True, True, True, False]


def test_draws_fill_their_ranges() -> None:
    changes = draw(ALL, 2000, seed=0, epoch=0)
    for shift in (changes.dx, changes.dy):
        assert np.bincount(shift + 2).tolist() == pytest.approx([400] * 5, rel=0.2)
    assert abs(np.corrcoef(changes.dx, changes.dy)[0, 1]) < 0.1
    assert 0.8 <= changes.stretch.min() < 0.81 < 1.19 < changes.stretch.max() < 1.2
    assert set(changes.keep.tolist()) == {0.75}


def test_a_change_is_a_row() -> None:
    changes = draw(ALL, 10, seed=3, epoch=4)
    dx, dy, stretch = int(changes.dx[7]), int(changes.dy[7]), float(changes.stretch[7])
    assert changes[7] == Change(dx, dy, stretch, 0.25, (3, 4, 7))


def test_nothing_drawn_changes_nothing() -> None:
    assert draw((), 2, seed=0, epoch=0)[1] == Change(seed=(0, 0, 1))


def test_augmentations_add_up() -> None:
    stretch = TimeSkew(1.5, 1.5)
    change = draw((stretch, EventDrop(0.5), stretch, EventDrop(0.5)), 1, seed=0, epoch=0)[0]
    assert (change.stretch, change.drop) == (2.25, 0.75)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (Jitter, (-1,), "^Jitter pixels: expected 0 or above, got -1"),
        (TimeSkew, (1.1, 0.9), "^TimeSkew: expected 0 < low <= high, got low=1.1, high=0.9"),
        (TimeSkew, (0.0, 0.9), "^TimeSkew: expected 0 < low"),
        (EventDrop, (1.0,), "^EventDrop chance: expected from 0 to below 1, got 1.0"),
    ],
)
def test_ranges_are_checked(make: type[Augmentation], arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(*arguments)
