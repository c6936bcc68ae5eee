"""The raster shows every spike once and nothing that did not spike."""

from pathlib import Path

import numpy as np
import pytest
import torch

from spikeloom import InputError, Spikes, plots


@pytest.fixture
def spikes() -> Spikes:
    torch.manual_seed(0)
    return Spikes.from_dense((torch.rand(6, 3, 9) < 0.3).float())


@pytest.mark.parametrize("sample", [0, 2])
def test_points_are_the_spikes_of_one_sample(spikes: Spikes, sample: int) -> None:
    step, neuron = plots.spike_points(spikes, sample)
    expected = spikes.dense()[:, sample].nonzero().numpy()
    assert np.array_equal(np.stack([step, neuron], 1), expected)


def test_near_entries_are_no_points() -> None:
    near = Spikes(
        ids=torch.tensor([3, 0, 1, 2], dtype=torch.int32),
        row_start=torch.tensor([0, 2, 4]),
        spike_count=torch.tensor([1, 1], dtype=torch.int32),
        active=torch.tensor([1.0, 0.0, 1.0, 0.0]),
        steps=2,
        batch=1,
        neurons=4,
    )
    step, neuron = plots.spike_points(near, 0)
    assert (step.tolist(), neuron.tolist()) == ([0, 1], [3, 1])


def test_a_picture_is_written(spikes: Spikes, tmp_path: Path) -> None:
    silent = Spikes.from_dense(torch.zeros(6, 3, 4))
    plots.raster({"input": spikes, "layer 1": silent}, tmp_path / "raster.png", dt_ms=2.0, sample=1, title="7")
    assert (tmp_path / "raster.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_drawn(spikes: Spikes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="sample: expected 0 to 2 in input, got 3"):
        plots.raster({"input": spikes}, tmp_path / "raster.png", dt_ms=1.0, sample=3)
    with pytest.raises(InputError, match="layers: expected at least one, got none"):
        plots.raster({}, tmp_path / "raster.png", dt_ms=1.0)
    assert not list(tmp_path.iterdir())


def test_the_same_numbers_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        figure, (left, right) = plots.panels(4.0, 2.0, 2)
        left.plot([0, 1, 2], [1, 4, 9])
        right.set(xlabel="steps & spikes")
        plots.save_svg(figure, tmp_path / name / "curve.svg")
    one = (tmp_path / "one" / "curve.svg").read_bytes()
    assert one == (tmp_path / "two" / "curve.svg").read_bytes()
    assert b"steps &amp; spikes</text>" in one
    assert b"<dc:date>" not in one


def test_a_figure_has_a_panel() -> None:
    with pytest.raises(InputError, match="count: expected at least one panel, got 0"):
        plots.panels(4.0, 2.0, 0)
