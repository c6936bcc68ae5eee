"""Whether a training step fits, said before it on either device, and at the end of a GPU's memory."""

import re

import pytest
import torch
from fake_gpu import Memory
from networks import batch, classifier

from spikeloom import InputError
from spikeloom.train import gpu_memory, memory
from spikeloom.train.budget import Budget
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import TrainingSettings

LOWER = r"lower batch_size \(accumulate makes up for it\), steps or hidden"


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks of a test say that they are on a GPU."""
    monkeypatch.setattr(Classifier, "device", torch.device("cuda", 0))
    estimate = memory.estimate

    def here(model: Classifier, *others: object) -> memory.Estimate:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Classifier, "device", torch.device("cpu"))
            return estimate(model, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(gpu_memory, "estimate", here)


def test_a_line_says_what_is_needed_and_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 20_100_000_000)
    line = Budget(TrainingSettings()).check(classifier(), batch()[0])
    assert re.fullmatch(r"a training step takes about [\d.]+ MB of memory, of 20\.1 GB free", line)


@pytest.mark.usefixtures("on_gpu")
def test_a_line_says_what_is_free_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    model = classifier(active=None)
    # What torch holds without using it can be used.
    Memory(monkeypatch, free=20_000_000_000, held=500_000_000, used=400_000_000)
    line = Budget(TrainingSettings(device="cuda")).check(model, batch()[0])
    assert re.fullmatch(r"a training step takes about [\d.]+ MB of cuda:0's memory, of 20\.1 GB free", line)


@pytest.mark.parametrize(
    ("settings", "remedy"), [({}, LOWER + ", set time_chunk or tbptt$"), ({"tbptt": 100}, LOWER + "$")]
)
def test_what_does_not_fit(monkeypatch: pytest.MonkeyPatch, settings: dict[str, int], remedy: str) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 100_000)
    message = r"^memory: expected about [\d.]+ MB free for a training step \(\w+ [\d.]+ MB, .*\), got 0.1 MB; " + remedy
    with pytest.raises(InputError, match=message):
        Budget(TrainingSettings(**settings)).check(classifier(), batch(steps=1000)[0])


@pytest.mark.usefixtures("on_gpu")
def test_what_does_not_fit_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    model = classifier(active=None)
    Memory(monkeypatch, free=100_000)
    message = r"^memory: expected about [\d.]+ MB free for a training step \(\w+ [\d.]+ MB, .*\), got 0.1 MB; " + LOWER
    with pytest.raises(InputError, match=message):
        Budget(TrainingSettings(device="cuda")).check(model, batch(steps=1000)[0])


@pytest.mark.usefixtures("on_gpu")
def test_the_end_of_memory_in_a_step_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model = classifier(active=None)
    Memory(monkeypatch, free=9_000_000_000)
    message = (
        r"^memory: expected about [\d.]+ MB free for a training step \(\w+ [\d.]+ MB, .*\), "
        rf"got 1\.5 GB, too little for what torch asked for on cuda; {LOWER}, set time_chunk or tbptt$"
    )
    budget = Budget(TrainingSettings(device="cuda"))
    budget.check(model, batch()[0])
    Memory(monkeypatch, free=1_500_000_000)
    with pytest.raises(InputError, match=message) as caught, budget:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    assert isinstance(caught.value.__cause__, torch.cuda.OutOfMemoryError)


def test_the_end_of_memory_where_nothing_was_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    Memory(monkeypatch, free=1_500_000_000)
    message = r"^memory: expected enough free for a batch, got 1\.5 GB, too little for .* on cuda:1; " + LOWER
    with pytest.raises(InputError, match=message), Budget(TrainingSettings(device="cuda:1")):
        raise torch.OutOfMemoryError


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="^something else$"), Budget(TrainingSettings(device="cuda")):
        raise RuntimeError("something else")
    with Budget(TrainingSettings()) as budget:
        assert isinstance(budget, Budget)
