"""What augmentations draw; what a change does to events is tested with binning."""

import numpy as np
import pytest

from spikeloom import InputError
from spikeloom.data.augment import (
    Affine,
    Augmentation,
    Changes,
    ChannelShift,
    EventDrop,
    Flip,
    Jitter,
    TimeJitter,
    TimeSkew,
    draw,
    unchanged,
)

ALL = (Jitter(2), TimeSkew(0.8, 1.2), EventDrop(0.25))


def columns(changes: Changes) -> np.ndarray:
    return np.stack([changes.dx, changes.dy, changes.stretch, changes.key, changes.keep])


def test_changes_follow_seed_and_epoch() -> None:
    first = columns(draw(ALL, 100, seed=3, epoch=4))
    assert np.array_equal(first, columns(draw(ALL, 100, seed=3, epoch=4)))
    for seed, epoch in ((3, 5), (4, 4)):
        assert (first != columns(draw(ALL, 100, seed=seed, epoch=epoch))).any(1).tolist() == [True] * 4 + [False]


def test_draws_fill_their_ranges() -> None:
    changes = draw(ALL, 2000, seed=0, epoch=0)
    for shift in (changes.dx, changes.dy):
        assert np.bincount(shift + 2).tolist() == pytest.approx([400] * 5, rel=0.2)
    assert abs(np.corrcoef(changes.dx, changes.dy)[0, 1]) < 0.1
    assert 0.8 <= changes.stretch.min() < 0.81 < 1.19 < changes.stretch.max() < 1.2
    assert set(changes.keep.tolist()) == {0.75}


def test_sound_moves_along_its_channels_alone() -> None:
    changes = draw([ChannelShift(3)], 7000, seed=0, epoch=0)
    assert np.bincount(changes.dx + 3).tolist() == pytest.approx([1000] * 7, rel=0.15)
    assert not changes.dy.any()


def test_flips_have_their_chance() -> None:
    assert draw([Flip(0.25)], 4000, seed=0, epoch=0).flip.mean() == pytest.approx(0.25, abs=0.03)
    assert draw([Flip(1.0)], 3, seed=0, epoch=0).flip.tolist() == [True] * 3
    assert draw([Flip(1.0), Flip(1.0)], 3, seed=0, epoch=0).flip.tolist() == [False] * 3


def test_affine_draws_fill_their_ranges_and_keep_shape_and_size_apart() -> None:
    matrix = draw([Affine(degrees=10, zoom=0.2, shear=0.3)], 5000, seed=0, epoch=0).matrix
    size = np.sqrt(np.linalg.det(matrix))
    angle = np.degrees(np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0]))
    # What is left when the turn and the size are undone: a shear.
    across = (matrix[:, 0, 0] * matrix[:, 0, 1] + matrix[:, 1, 0] * matrix[:, 1, 1]) / size**2
    for drawn, low, high in ((size, 0.8, 1.2), (angle, -10, 10), (across, -0.3, 0.3)):
        edge = (high - low) / 100
        assert low <= drawn.min() < low + edge < high - edge < drawn.max() <= high
    assert np.abs(np.corrcoef([size, angle, across])[np.triu_indices(3, 1)]).max() < 0.05


def test_affine_changes_multiply() -> None:
    whole = draw([Affine(), Affine(zoom=0.5), Affine(zoom=0.5)], 2, seed=0, epoch=0).matrix
    assert whole[:, 0, 1].tolist() == whole[:, 1, 0].tolist() == [0, 0]
    assert (whole[:, 0, 0] == whole[:, 1, 1]).all()
    one = draw([Affine(), Affine(zoom=0.5)], 2, seed=0, epoch=0).matrix[:, 0, 0]
    other = draw([Affine(), Affine(), Affine(zoom=0.5)], 2, seed=0, epoch=0).matrix[:, 0, 0]
    assert whole[:, 0, 0].tolist() == (one * other).tolist()


def test_some_samples_can_be_taken() -> None:
    changes = draw((*ALL, Flip(), TimeJitter(2)), 10, seed=3, epoch=4)
    part = changes.take(np.array([7, 1]))
    assert len(part) == 2
    assert np.array_equal(columns(part), columns(changes)[:, [7, 1]])
    assert part.jitter_us.tolist() == [2000, 2000]
    assert part.flip.tolist() == changes.flip[[7, 1]].tolist()


def test_nothing_drawn_changes_nothing() -> None:
    changes = draw((), 2, seed=0, epoch=0)
    assert columns(changes).tolist() == columns(unchanged(2)).tolist()
    assert columns(changes)[:, 0].tolist() == [0, 0, 1, changes.key[0], 1]
    assert not changes.flip.any()
    assert not changes.jitter_us.any()
    assert (changes.matrix == np.eye(2)).all()


def test_every_sample_epoch_and_seed_has_its_own_key() -> None:
    keys = np.concatenate([unchanged(1000, seed=s, epoch=e).key for s in range(5) for e in range(5)])
    assert len(set(keys.tolist())) == 25_000


def test_augmentations_add_up() -> None:
    stretch = TimeSkew(1.5, 1.5)
    wanted = (stretch, EventDrop(0.5), TimeJitter(3), stretch, EventDrop(0.5), TimeJitter(4))
    changes = draw(wanted, 1, seed=0, epoch=0)
    assert (changes.stretch[0], changes.keep[0], changes.jitter_us[0]) == (2.25, 0.25, 5000)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (Jitter, (-1,), "^Jitter pixels: expected 0 or above, got -1"),
        (TimeSkew, (1.1, 0.9), "^TimeSkew: expected 0 < low <= high, got low=1.1, high=0.9"),
        (TimeSkew, (0.0, 0.9), "^TimeSkew: expected 0 < low"),
        (ChannelShift, (-1,), "^ChannelShift channels: expected 0 or above, got -1"),
        (Affine, (181,), "^Affine degrees: expected from 0 to 180, got 181"),
        (Affine, (0, 1), "^Affine zoom: expected from 0 to below 1, got 1"),
        (Affine, (0, 0, -0.1), "^Affine shear: expected from 0 to 1, got -0.1"),
        (Flip, (1.5,), "^Flip chance: expected from 0 to 1, got 1.5"),
        (TimeJitter, (-1.0,), "^TimeJitter std_ms: expected milliseconds, 0 or above, got -1.0"),
        (EventDrop, (1.0,), "^EventDrop chance: expected from 0 to below 1, got 1.0"),
    ],
)
def test_ranges_are_checked(make: type[Augmentation], arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make(*arguments)
