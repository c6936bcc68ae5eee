"""The penalty on activity: its value, where its gradient goes, and what training with it does."""

import pytest
import torch
from networks import batch, classifier, goal
from oracle import assert_close
from torch import Tensor

from spikeloom import Spikes
from spikeloom.nn.functional import select_spikes
from spikeloom.train import chunks, reading
from spikeloom.train.config import TrainingSettings
from spikeloom.train.penalties import neuron_counts, on_activity
from spikeloom.train.step import Trainer


def test_counts_are_those_of_the_dense_tensor() -> None:
    membrane = torch.rand(6, 3, 40, generator=torch.Generator().manual_seed(1)).requires_grad_()
    spikes = select_spikes(membrane, threshold=0.8, second_threshold=0.5)
    counts = neuron_counts(spikes)
    assert torch.equal(counts, spikes.dense().sum((0, 1)))
    upstream = torch.rand(40)
    sums = (counts, spikes.dense().sum((0, 1)))
    got, want = (torch.autograd.grad(x, membrane, upstream, retain_graph=True)[0] for x in sums)
    assert torch.equal(got, want)


def test_counts_of_a_dense_layer_on_a_gpu_ask_for_no_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its raster tells as much, and passes the same gradient on; the CPU stands in."""
    found = []
    for late in (False, True):
        monkeypatch.setattr(reading, "is_late", lambda device, late=late: late)
        model, (spikes, _) = classifier(sparse=False), batch()
        first = model.network.layers(spikes)[0][0]
        assert isinstance(first, Spikes)
        counts = neuron_counts(first)
        assert ("_lists" in vars(first)) is late
        counts.backward(torch.arange(70.0))
        found.append((counts.detach(), model.network[0].weight.grad))
    (counts, gradient), (late_counts, late_gradient) = found
    assert torch.equal(late_counts, counts)
    assert counts.sum() > 0
    assert_close(late_gradient, gradient, kind="float32")


def test_its_value_by_hand() -> None:
    counts = [torch.tensor([0.0, 5.0, 10.0]), torch.tensor([2.0, 2.0])]
    # Rates of 0, 0.5 and 1, and of 0.2: 0.1 and 0.25 too low, 0.6 too high.
    found = on_activity(counts, 10, low=0.1, high=0.4, strength=3.0)
    assert float(found) == pytest.approx(3.0 * (0.1**2 + 0.1**2 + 0.6**2) / 3)
    assert float(on_activity(counts, 10, low=0.0, high=1.0, strength=3.0)) == 0.0


@pytest.mark.parametrize(("rate", "sign"), [(0.3, 1.0), (0.05, -1.0), (0.15, 0.0)])
def test_gradients_push_rates_into_the_band(rate: float, sign: float) -> None:
    counts = torch.full((4,), 100 * rate).requires_grad_()
    on_activity([counts], 100, low=0.1, high=0.2, strength=1.0).backward()
    assert counts.grad is not None
    assert bool((counts.grad.sign() == sign).all())


def rates(model: torch.nn.Module, spikes: Spikes) -> list[Tensor]:
    with torch.no_grad():
        return [neuron_counts(x) / (spikes.steps * spikes.batch) for x in model.network.layers(spikes)[0][:-1]]


def moved(active: float, low: float, high: float, strength: float, **chunked: int) -> list[float]:
    """By hidden layer, the mean distance of its neurons' rates from the band after training, by that before.

    The window is wide: in a narrow one the silent stay silent.
    """
    model = classifier(active=active, second_threshold=-10.0)
    bounds = {"activity_low": low, "activity_high": high, "activity_penalty": strength}
    settings = TrainingSettings(learning_rate=0.02, warmup_steps=0, **bounds, **chunked)
    optimizer = torch.optim.AdamW(model.network.parameters(), weight_decay=0.0, fused=True)
    trainer, (spikes, labels) = Trainer(model, optimizer, settings, total=30), batch()

    def distances() -> list[float]:
        return [float((rate.clamp(low, high) - rate).abs().mean()) for rate in rates(model, spikes)]

    before = distances()
    for number in range(30):
        trainer.step(spikes, labels, f"step {number}")
    return [one / other for one, other in zip(distances(), before, strict=True)]


@pytest.mark.parametrize("chunked", [{}, {"time_chunk": 6}, {"tbptt": 6}])
@pytest.mark.parametrize(("active", "low", "high"), [(0.15, 0.0, 0.05), (0.02, 0.1, 1.0)])
def test_training_moves_rates_towards_the_band(active: float, low: float, high: float, chunked: dict[str, int]) -> None:
    found = moved(active, low, high, 100.0, **chunked)
    assert max(found) < 0.85
    assert min(found) < 0.6


def test_without_the_penalty_they_stay() -> None:
    assert min(moved(0.15, 0.0, 0.05, 0.0)) > 0.85


def test_a_silent_neuron_outside_its_window_gets_no_gradient() -> None:
    model, (spikes, labels) = classifier(hidden=(70,)), batch()
    with torch.no_grad():
        model.network[0].bias[0] = -100.0
    found = {}
    for edge in (0.9, -1e4):
        model.network[0].second_threshold.fill_(edge)
        wanted = goal(model, spikes, labels, activity_penalty=1.0, activity_low=0.5)
        model.zero_grad()
        chunks.backward(wanted, spikes)
        found[edge] = float(model.network[0].bias.grad[0])
    assert found[0.9] == 0.0
    assert found[-1e4] != 0.0


def test_the_loss_that_is_reported_is_without_it() -> None:
    model, (spikes, labels) = classifier(), batch()
    plain, _ = chunks.backward(goal(model, spikes, labels), spikes)
    both, _ = chunks.backward(goal(model, spikes, labels, activity_penalty=9.0, activity_high=0.0), spikes)
    assert float(plain) == float(both)
