"""What is seen of a layer: by neuron, over batches and chunks."""

import numpy as np
import torch

from spikeloom import Spikes
from spikeloom.nn.functional import select_spikes
from spikeloom.train.seen import Seen, Unread, added


def test_counts_are_spikes_not_window_entries() -> None:
    membrane = torch.rand(6, 3, 40, generator=torch.Generator().manual_seed(1))
    membrane[:, :, 7] = 0.6
    spikes = select_spikes(membrane, threshold=0.8, second_threshold=0.5)
    seen = Seen.of(spikes, dropped=3)
    assert np.array_equal(seen.counts, spikes.dense().sum((0, 1)).numpy())
    assert seen.counts[7] == 0
    assert (seen.rows, seen.dropped, seen.activity) == (18, 3, spikes.activity)


def test_sums_by_layer() -> None:
    one, other = Seen(np.array([1.0, 0.0, 0.0]), 10, 1), Seen(np.array([0.0, 2.0, 0.0]), 20, 5)
    both = added({"layer 1": one}, {"layer 1": other, "layer 2": other})
    assert list(both) == ["layer 1", "layer 2"]
    assert both["layer 1"].counts.tolist() == [1, 2, 0]
    assert (both["layer 1"].rows, both["layer 1"].dropped) == (30, 6)
    assert both["layer 1"].activity == 3 / 90
    assert both["layer 1"].silent == 1 / 3
    assert both["layer 2"] is other
    assert added({}, {}) == {}


def test_what_is_read_late_is_the_same() -> None:
    membrane = torch.rand(6, 3, 40, generator=torch.Generator().manual_seed(1))
    spikes = select_spikes(membrane, threshold=0.8, second_threshold=0.5)
    raster = torch.nn.functional.pad(
        spikes.dense(), (0, 24), value=1.0
    )  # what is behind the neurons counts for nothing
    unlisted = Spikes.unlisted(raster, spikes.spike_count, lambda: 1 / 0, steps=6, neurons=40)  # type: ignore[arg-type, return-value]
    wanted = Seen.of(spikes, dropped=3)
    for given, dropped in ((spikes, torch.tensor(3)), (unlisted, 3)):
        unread = Unread.of(given, dropped)
        seen = unread.read(iter(unread.tensors()))
        assert np.array_equal(seen.counts, wanted.counts)
        assert seen.counts.dtype == np.float64
        assert (seen.rows, seen.dropped, seen.activity) == (wanted.rows, wanted.dropped, wanted.activity)


def test_sums_that_are_not_read_yet() -> None:
    one, other = (Unread(torch.tensor([number, 2.0]), 10, torch.tensor(4)) for number in (1.0, 5.0))
    both = added({"layer 1": one}, {"layer 1": other})["layer 1"]
    seen = both.read(iter(both.tensors()))
    assert (seen.counts.tolist(), seen.rows, seen.dropped) == ([6, 4], 20, 8)
