"""Batches on their way to a GPU: all of each moves, one ahead; torch's streams are faked, and copies go nowhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from networks import batch
from torch import Tensor

from spikeloom.spikes import Spikes
from spikeloom.train import transfer
from spikeloom.train.foreign import Dense
from spikeloom.train.transfer import Ahead

NOWHERE = torch.device("meta")


class Stream:
    """One of torch's streams, which notes what it is told."""

    def __init__(self, log: list[str], name: str) -> None:
        self.log, self.name = log, name

    def wait_stream(self, other: "Stream") -> None:
        self.log.append(f"{self.name} waits for {other.name}")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens, in order."""
    events: list[str] = []
    copies, computing = Stream(events, "copies"), Stream(events, "computing")

    @contextmanager
    def on(stream: Stream) -> Iterator[None]:
        events.append(f"on {stream.name}")
        yield
        events.append("off")

    def pin(x: Tensor) -> Tensor:
        events.append("pin")
        return x

    def to(x: Tensor, *place: Any, own: Any = torch.Tensor.to, **options: Any) -> Tensor:
        if place == (NOWHERE,):
            events.append("copy" if options.pop("non_blocking", False) else "copy, waiting")
        moved: Tensor = own(x, *place, **options)
        return moved

    monkeypatch.setattr(torch.cuda, "Stream", lambda device: copies)
    monkeypatch.setattr(torch.cuda, "stream", on)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: computing)
    monkeypatch.setattr(torch.Tensor, "is_pinned", lambda x: False)
    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    monkeypatch.setattr(torch.Tensor, "to", to)
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda x, stream: events.append(f"kept for {stream.name}"))
    return events


def batches(log: list[str], count: int) -> Any:
    class Logged:
        busy_s = 1.5

        def __len__(self) -> int:
            return count

        def __iter__(self) -> Iterator[tuple[Spikes, Tensor]]:
            try:
                for number in range(count):
                    log.append(f"batch {number}")
                    yield batch(seed=number)
            finally:
                log.append("closed")

    return Logged()


def test_every_tensor_of_a_batch_moves_and_labels_stay(log: list[str]) -> None:
    seen = 0
    for spikes, labels in Ahead(batches(log, 3), NOWHERE):
        tensors = (spikes.ids, spikes.row_start, spikes.spike_count, spikes.active)
        assert all(x.device == NOWHERE for x in tensors)
        want = batch(seed=seen)[0]
        assert (spikes.steps, spikes.batch, spikes.neurons) == (want.steps, want.batch, want.neurons)
        assert spikes.ids.shape == want.ids.shape
        assert labels.device.type == "cpu"
        seen += 1
    assert seen == 3
    assert "copy, waiting" not in log
    assert log.count("copy") == log.count("kept for computing") == 4 * 3
    assert log.count("pin") == 5 * 3


def test_a_batch_is_copied_while_the_one_before_is_worked_on(log: list[str]) -> None:
    told = ("batch", "on", "computing waits", "step", "closed")
    for number, _ in enumerate(Ahead(batches(log, 3), NOWHERE)):
        log.append(f"step {number}")
    order = [line for line in log if line.startswith(told)]
    copied, waits = "on copies", "computing waits for copies"
    first = ["batch 0", copied, waits, "batch 1", copied, "step 0"]
    assert order == [*first, waits, "batch 2", copied, "step 1", waits, "closed", "step 2"]


def test_real_numbers_move_too(log: list[str]) -> None:
    x, labels = Dense(torch.rand(5, 2, 3)), torch.zeros(2, dtype=torch.int64)
    [(moved, same)] = list(Ahead([(x, labels)], NOWHERE))  # type: ignore[arg-type]
    assert moved.values.device == NOWHERE
    assert (moved.steps, moved.batch, moved.neurons) == (5, 2, 3)
    assert same is labels


def test_who_leaves_early_ends_what_prepares_batches(log: list[str]) -> None:
    rest = iter(Ahead(batches(log, 3), NOWHERE))
    next(rest)
    assert "closed" not in log
    rest.close()  # type: ignore[attr-defined]
    assert log[-1] == "closed"


def test_what_prepares_them_is_counted_as_before(log: list[str]) -> None:
    ahead = Ahead(batches(log, 3), NOWHERE)
    assert (len(ahead), ahead.busy_s) == (3, 1.5)
    assert Ahead([batch()], NOWHERE).busy_s == 0  # type: ignore[arg-type]


def test_on_the_cpu_nothing_stands_between() -> None:
    given: Any = [batch()]
    assert transfer.to_device(given, torch.device("cpu")) is given
    assert isinstance(transfer.to_device(given, torch.device("cuda", 0)), Ahead)
