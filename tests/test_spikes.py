"""The sparse type: made from events and dense tensors, seen as a dense tensor again, cut, and moved."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from on_gpu import GPU, Answered, Capturable, fake_gpu
from oracle import assert_well_formed
from torch import Tensor

from spikeloom import InputError, Spikes


def events(*rows: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sample, step, ids = np.array(rows, np.int64).reshape(-1, 3).T
    return sample, step, ids


def example() -> Spikes:
    """Two steps of three samples of four neurons."""
    return Spikes.from_events(*events((0, 1, 2), (2, 0, 3), (0, 1, 0), (2, 0, 1)), steps=2, batch=3, neurons=4)


def near_example() -> Spikes:
    """One sample; step 0: neuron 2 spiked, 0 and 1 were near; step 1: none; step 2: neuron 1 was near."""
    ids, count = torch.tensor([2, 0, 1, 1], dtype=torch.int32), torch.tensor([1, 0, 0], dtype=torch.int32)
    return Spikes(ids, torch.tensor([0, 3, 3, 4]), count, torch.tensor([1.0, 0, 0, 0]), steps=3, batch=1, neurons=3)


def same(a: Spikes, b: Spikes) -> bool:
    fields = ("ids", "row_start", "spike_count", "active")
    sizes = (a.steps, a.batch, a.neurons) == (b.steps, b.batch, b.neurons)
    return sizes and all(torch.equal(getattr(a, name), getattr(b, name)) for name in fields)


def test_rows_are_sample_major_and_ascending() -> None:
    spikes = example()
    assert spikes.ids.tolist() == [0, 2, 1, 3]
    assert spikes.row_start.tolist() == [0, 0, 2, 2, 2, 4, 4]  # rows (b, t): 00 01 10 11 20 21
    assert spikes.spike_count.tolist() == [0, 2, 0, 0, 2, 0]
    assert spikes.counts.tolist() == [[0, 0, 2], [2, 0, 0]]
    assert spikes.rows().tolist() == [1, 1, 4, 4]
    assert_well_formed(spikes)


@given(
    st.integers(1, 5), st.integers(1, 4), st.integers(1, 9), st.sampled_from(["int64", "uint8", "uint64"]), st.data()
)
def test_events_in_any_order_and_number_make_the_dense_tensor(
    steps: int, batch: int, neurons: int, dtype: str, data: st.DataObject
) -> None:
    event = st.tuples(st.integers(0, batch - 1), st.integers(0, steps - 1), st.integers(0, neurons - 1))
    rows = data.draw(st.lists(event, max_size=80))
    want = torch.zeros(steps, batch, neurons)
    for b, t, n in rows:
        want[t, b, n] = 1
    columns = (column.astype(dtype) for column in events(*rows))
    spikes = Spikes.from_events(*columns, steps=steps, batch=batch, neurons=neurons)
    assert_well_formed(spikes)
    assert torch.equal(spikes.dense(), want)
    assert same(spikes, Spikes.from_dense(want))


def test_keys_beyond_32_bits() -> None:
    spikes = Spikes.from_events(*events((999, 999, 9_999), (999, 999, 9_998)), steps=1000, batch=1000, neurons=10_000)
    assert spikes.ids.tolist() == [9_998, 9_999]
    assert spikes.rows().tolist() == [999_999, 999_999]


def test_no_event_at_all() -> None:
    spikes = Spikes.from_events(*events(), steps=2, batch=1, neurons=3)
    assert_well_formed(spikes)
    assert (spikes.activity, spikes.window) == (0.0, 0.0)
    assert torch.equal(spikes.dense(), torch.zeros(2, 1, 3))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((3, 0, 0), "^sample: expected integers from 0 to 2, got some outside of it"),
        ((0, 2, 0), "^step: expected integers from 0 to 1"),
        ((0, 0, 4), "^ids: expected integers from 0 to 3"),
        ((0, 0, -1), "^ids: expected integers from 0 to 3"),
    ],
)
def test_events_out_of_range_are_named(row: tuple[int, int, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Spikes.from_events(*events(row), steps=2, batch=3, neurons=4)


def test_event_columns_are_integers_of_one_length() -> None:
    sample, step, ids = events((0, 0, 0), (0, 1, 0))
    with pytest.raises(InputError, match="^step: expected 2 entries, one per event, got 1"):
        Spikes.from_events(sample, step[:1], ids, steps=2, batch=3, neurons=4)
    with pytest.raises(InputError, match="^step: expected integers, got float64"):
        Spikes.from_events(sample, step * 0.5, ids, steps=2, batch=3, neurons=4)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float32, torch.float64])
def test_dense_tensors_of_any_type(dtype: torch.dtype) -> None:
    x = torch.rand(3, 2, 5, generator=torch.Generator().manual_seed(0)) < 0.4
    spikes = Spikes.from_dense(x.to(dtype))
    assert_well_formed(spikes)
    assert torch.equal(spikes.dense(), x.float())


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(3, 2), r"^x: expected a tensor \[T, B, N\], got \(3, 2\)"),
        (torch.full((1, 1, 1), 0.5), "^x: expected zeros and ones alone, got other values"),
        (torch.full((1, 1, 1), float("nan")), "^x: expected zeros and ones alone"),
    ],
)
def test_other_dense_tensors_are_named(x: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Spikes.from_dense(x)


def test_gradients_of_the_dense_tensor_reach_every_window_entry() -> None:
    spikes = near_example()
    spikes.active.requires_grad_()
    weight = torch.arange(9.0).view(3, 1, 3)
    (spikes.dense() * weight).sum().backward()
    assert spikes.active.grad is not None
    assert spikes.active.grad.tolist() == [2, 0, 1, 7]
    assert not spikes.detach().active.requires_grad


def test_activity_counts_spikes_and_window_all_entries() -> None:
    spikes = near_example()
    assert_well_formed(spikes)
    assert spikes.activity == pytest.approx(1 / 9)
    assert spikes.window == pytest.approx(4 / 9)
    assert repr(spikes) == "Spikes(steps=3, batch=1, neurons=3, activity=11.11%, window=44.44%, device=cpu)"


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 4), st.integers(0, 4), st.integers(0, 9))
def test_a_slice_is_the_slice_of_the_dense_tensor(t0: int, t1: int, b0: int, b1: int, seed: int) -> None:
    x = (torch.rand(5, 3, 4, generator=torch.Generator().manual_seed(seed)) < 0.3).float()
    spikes = Spikes.from_dense(x)
    for key in (slice(t0, t1), (slice(t0, t1), slice(b0, b1)), (slice(-t0, None), slice(None, -b0))):
        cut = spikes[key]
        assert_well_formed(cut)
        assert torch.equal(cut.dense(), x[key])


def test_a_slice_keeps_near_entries_and_gradients() -> None:
    spikes = near_example()
    spikes.active.requires_grad_()
    cut = spikes[2:]
    assert (cut.ids.tolist(), cut.spike_count.tolist()) == ([1], [0])
    cut.active.sum().backward()
    assert spikes.active.grad is not None
    assert spikes.active.grad.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("key", [0, slice(0, 2, 2), (slice(0, 1), 0)])
def test_other_indices_are_named(key: Any) -> None:
    with pytest.raises(InputError, match="index: expected a slice of step 1"):
        example()[key]


def test_moving_keeps_everything() -> None:
    spikes = example()
    assert same(spikes.to("cpu"), spikes)
    assert spikes.device == torch.device("cpu")
    assert spikes.to("meta").ids.device.type == "meta"


def unlisted_example() -> Spikes:
    """What a dense layer gives to the next, with a gradient."""
    x = example().dense().requires_grad_()
    padded = torch.nn.functional.pad(x * 1.0, (0, 60))
    count = x.detach().sum(2).T.flatten().int()

    def lists() -> tuple[Tensor, Tensor, Tensor]:
        listed = Spikes.from_dense(x)
        by_row = padded[:, :, :4].transpose(0, 1).reshape(-1, 4)
        return by_row[listed.rows(), listed.ids.long()], listed.ids, listed.row_start

    return Spikes.unlisted(padded, count, lists, steps=2, neurons=4)


CHANGES: dict[str, Callable[[Spikes], Spikes]] = {
    "to": lambda spikes: spikes.to("cpu"),
    "to_another_device": lambda spikes: spikes.to("meta"),
    "detach": lambda spikes: spikes.detach(),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("listed", [False, True])
def test_a_raster_stays_with_its_spikes(name: str, listed: bool) -> None:
    spikes = unlisted_example()
    if listed:
        assert spikes.ids.tolist() == [0, 2, 1, 3]
    changed = CHANGES[name](spikes)
    assert spikes.is_listed is changed.is_listed is listed
    assert changed.raster is not None
    assert spikes.raster is not None
    assert (changed.raster.shape, changed.raster.device) == (spikes.raster.shape, changed.device)
    assert changed.raster.requires_grad is changed.active.requires_grad is (name != "detach")
    assert changed.ids.device == changed.active.device == changed.spike_count.device == changed.device
    if name != "to_another_device":
        assert torch.equal(changed.raster, spikes.raster)
        assert same(changed, spikes)


def test_what_is_not_listed_is_seen_as_a_dense_tensor_without_lists() -> None:
    spikes = unlisted_example()
    assert torch.equal(spikes.dense(), example().dense())
    assert not spikes.is_listed
    weight = torch.arange(24.0).view(2, 3, 4)
    (through_raster,) = torch.autograd.grad((spikes.dense() * weight).sum(), spikes.raster)  # type: ignore[arg-type]
    assert torch.equal(through_raster[..., :4], weight)
    assert spikes.active.tolist() == [1.0] * 4
    assert spikes.is_listed
    assert torch.equal(spikes.dense(), example().dense())


def test_ids_are_checked_when_they_leave_the_cpu() -> None:
    for wrong in (-1, 4):
        spikes = replace(example(), ids=torch.tensor([0, wrong, 1, 3], dtype=torch.int32))
        assert spikes.to("cpu").ids.tolist() == [0, wrong, 1, 3]
        with pytest.raises(InputError, match="ids: expected neurons from 0 to 3, got some outside of it"):
            spikes.to("meta")


def test_printing_asks_no_other_device() -> None:
    there = "Spikes(steps=2, batch=3, neurons=4, device=meta)"
    assert repr(example().to("meta")) == repr(unlisted_example().to("meta")) == there
    with fake_gpu():
        x = torch.zeros(2, 3, 4, device=GPU)
        spikes = Spikes.unlisted(x, x.sum(2).T.flatten().int(), lambda: (x, x, x), steps=2, neurons=4)
        assert repr(spikes) == "Spikes(steps=2, batch=3, neurons=4, device=cuda:0)"
        assert not spikes.is_listed


def test_on_a_gpu_every_part_lies_there(monkeypatch: pytest.MonkeyPatch) -> None:
    listed, unlisted = example(), unlisted_example()
    # Numbers of the CPU cannot be read where tensors have none; the check has a test of its own.
    monkeypatch.setattr(Spikes, "check_ids", lambda spikes: None)
    with fake_gpu():
        spikes, other = listed.to("cuda:0"), unlisted.to(GPU)
        with Answered():
            assert_there(spikes, Spikes.from_dense(torch.zeros(2, 3, 4, device=GPU)), spikes.detach())
        with Capturable():
            assert spikes.dense().device == other.dense().device == spikes.counts.device == spikes.rows().device == GPU
            assert not other.detach().is_listed
        with Answered(copies=True):  # where the lists are made, from where they are copied
            assert_there(other.detach(), other)
        back = spikes.to("cpu")
        assert back.device == back.ids.device == torch.device("cpu")


def assert_there(*found: Spikes) -> None:
    for spikes in found:
        parts = (spikes.ids, spikes.row_start, spikes.spike_count, spikes.active)
        assert [x.device for x in parts] == [GPU] * 4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="page-locked memory needs a GPU")
def test_pinned_memory() -> None:
    for spikes in (example(), unlisted_example()):
        pinned = spikes.pin_memory()
        assert pinned.is_listed is spikes.is_listed
        assert pinned.ids.is_pinned()
        assert pinned.raster is None or pinned.raster.is_pinned()
        assert same(pinned, spikes)
