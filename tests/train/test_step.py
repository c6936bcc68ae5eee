"""A training step: batches whose gradients are averaged, norms that are clipped, numbers that are not finite."""

import copy
import math
from typing import Any

import pytest
import torch
from fake_gpu import read_by, stand_in
from networks import batch, classifier
from oracle import assert_close
from torch import Tensor

from spikeloom import InputError
from spikeloom.optim import AdamW
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import TrainingSettings
from spikeloom.train.norm import gradient_norm
from spikeloom.train.step import Trainer


def trainer(model: Classifier, **settings: Any) -> Trainer:
    chosen = TrainingSettings(**{"learning_rate": 0.01, "warmup_steps": 0} | settings)
    optimizer = AdamW(model.network.parameters(), weight_decay=chosen.weight_decay)
    return Trainer(model, optimizer, chosen, total=20)


def weights(model: Classifier) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in model.network.named_parameters()}


def gradients(model: Classifier) -> list[Tensor]:
    return [p.grad for p in model.network.parameters() if p.grad is not None]


def test_batches_are_averaged_as_one_of_all_their_samples() -> None:
    model = classifier()
    one, both = trainer(model), trainer(copy.deepcopy(model), accumulate=2)
    spikes, labels = batch(samples=16)
    before = weights(model)
    loss, classes = one.step(spikes, labels, "step 1")
    halves = [both.step(spikes[:, part], labels[part], "step 1") for part in (slice(0, 8), slice(8, 16))]
    assert sum(half[0] for half in halves) / 2 == pytest.approx(loss, rel=1e-5)
    assert torch.equal(torch.cat([half[1] for half in halves]), classes)
    for got, want in zip(gradients(both.model), gradients(model), strict=True):
        assert_close(got, want, kind="float32")
    assert (both.done, both.pending) == (one.done, one.pending) == (1, 0)
    assert not torch.equal(weights(model)["0.weight"], before["0.weight"])


def test_weights_rest_until_all_batches_have_come_or_the_epoch_ends() -> None:
    model = classifier()
    run, (spikes, labels) = trainer(model, accumulate=3), batch()
    before = weights(model)
    for pending in (1, 2):
        run.step(spikes, labels, f"step {pending}")
        assert (run.pending, run.done) == (pending, 0)
        assert torch.equal(weights(model)["0.weight"], before["0.weight"])
    run.finish("step 2")
    assert (run.pending, run.done) == (0, 1)
    moved = weights(model)
    assert not torch.equal(moved["0.weight"], before["0.weight"])
    # Two equal batches have the mean of one.
    alone = trainer(classifier())
    alone.step(spikes, labels, "step 1")
    for name, value in weights(alone.model).items():
        assert_close(moved[name], value, kind="float32", name=name)
    run.finish("step 2")
    assert run.done == 1


def test_the_rate_follows_training_steps_not_batches() -> None:
    run, (spikes, labels) = trainer(classifier(), accumulate=2, final_rate=0.0), batch()
    rates = []
    for number in range(4):
        run.step(spikes, labels, f"step {number}")
        rates.append(run.optimizer.param_groups[0]["lr"])
    assert rates[0] == rates[1] > rates[2] == rates[3]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_norm_is_clipped_where_it_is_larger(accumulate: int) -> None:
    (spikes, labels), found = batch(), {}
    for limit in (None, 1e6, 1e-3):
        run = trainer(classifier(), clip_norm=limit, accumulate=accumulate)
        for number in range(accumulate):
            run.step(spikes, labels, f"step {number}")
        found[limit] = gradients(run.model)
    assert gradient_norm(found[None]) > 1e-2
    assert all(torch.equal(*pair) for pair in zip(found[None], found[1e6], strict=True))
    assert gradient_norm(found[1e-3]) == pytest.approx(1e-3, rel=1e-6)
    for got, want in zip(found[1e-3], found[None], strict=True):
        assert_close(got, want * (1e-3 / gradient_norm(found[None])), kind="float32")


def test_steps_have_the_same_bits_on_any_number_of_threads() -> None:
    found, before = [], torch.get_num_threads()
    settings = {"clip_norm": 0.01, "accumulate": 2, "activity_penalty": 1.0, "activity_high": 0.05, "time_chunk": 6}
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            run, (spikes, labels) = trainer(classifier(dropout=0.2), **settings), batch()
            losses = [run.step(spikes, labels, f"step {number}")[0] for number in range(6)]
            found.append((losses, weights(run.model)))
    finally:
        torch.set_num_threads(before)
    assert found[0][0] == found[1][0]
    assert all(torch.equal(value, found[1][1][name]) for name, value in found[0][1].items())


def test_a_step_goes_on_from_weights_optimizer_chance_and_counters() -> None:
    settings = {"accumulate": 2, "dropout": 0.3}
    run, (spikes, labels) = trainer(classifier(dropout=settings["dropout"]), accumulate=2, time_chunk=7), batch()
    for number in range(4):
        run.step(spikes, labels, f"step {number}")
    saved = copy.deepcopy((run.model.network.state_dict(), run.optimizer.state_dict(), torch.get_rng_state(), run.done))
    want = [run.step(spikes, labels, f"step {number}")[0] for number in range(4, 8)]
    again = trainer(classifier(seed=9, active=None, dropout=0.3), accumulate=2, time_chunk=7)
    again.model.network.load_state_dict(saved[0])
    again.optimizer.load_state_dict(saved[1])
    torch.set_rng_state(saved[2])
    again.done = saved[3]
    assert [again.step(spikes, labels, f"step {number}")[0] for number in range(4, 8)] == want
    assert all(torch.equal(value, weights(again.model)[name]) for name, value in weights(run.model).items())


def test_what_was_seen_of_hidden_layers_adds_up() -> None:
    run, (spikes, labels) = trainer(classifier(readout="spikes")), batch()
    run.step(spikes, labels, "step 1")
    once = run.seen["layer 1"]
    run.step(spikes, labels, "step 2")
    assert list(run.seen) == ["layer 1", "layer 2"]
    assert run.seen["layer 1"].rows == 2 * once.rows == 2 * spikes.steps * spikes.batch
    assert 0 < once.activity < 1
    assert run.seen["layer 1"].counts.sum() > once.counts.sum()


def test_a_gradient_that_is_not_finite_is_named() -> None:
    for settings, what in (({}, "weight"), ({"clip_norm": 1.0}, "gradient by weight")):
        run, (spikes, labels) = trainer(classifier(), **settings), batch()
        run.model.network[1].weight.register_hook(lambda gradient: gradient * math.nan)
        message = rf"^layer 2 \(LIF 70-30\): {what}: expected finite numbers, got nan in .* at epoch 1, step 3; lower"
        with pytest.raises(InputError, match=message):
            run.step(spikes, labels, "epoch 1, step 3")


def test_a_norm_that_overflows_is_named() -> None:
    run, (spikes, labels) = trainer(classifier(), clip_norm=1.0), batch()
    run.model.network[1].weight.register_hook(lambda gradient: gradient.sign() * 3e38)
    with pytest.raises(InputError, match=r"^gradients: norm: expected finite numbers, got inf .* at step 1; lower"):
        run.step(spikes, labels, "step 1")


@pytest.mark.parametrize("settings", [{}, {"time_chunk": 6}, {"tbptt": 6}])
def test_a_loss_that_is_not_finite_is_named_with_its_step(settings: dict[str, int]) -> None:
    run, (spikes, labels) = trainer(classifier(loss="per_step"), **settings), batch()
    with torch.no_grad():
        run.model.network[2].bias.fill_(3e38)
    with pytest.raises(InputError, match=r"^layer 3 \(LI 30-4\): .* at epoch 1, step 3"):
        run.step(spikes, labels, "epoch 1, step 3")


def test_weights_that_overflow_in_a_forward_pass_are_named_with_their_step() -> None:
    run, (spikes, labels) = trainer(classifier()), batch()
    with torch.no_grad():
        run.model.network[0].weight.fill_(3e38)
    with pytest.raises(InputError, match=r"^layer 1 \(LIF 60-70\): expected finite membranes.*; at epoch 1, step 3$"):
        run.step(spikes, labels, "epoch 1, step 3")


@pytest.mark.parametrize(
    "settings",
    [{}, {"clip_norm": 0.01}, {"accumulate": 2}, {"time_chunk": 6}, {"tbptt": 6}, {"activity_penalty": 1.0}],
)
def test_a_step_reads_once(monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]) -> None:
    """Of a GPU, for which the CPU stands in: one read brings what it has to tell, and no file of train asks besides."""
    run, (spikes, labels) = trainer(classifier(max_activity=0.3, dropout=0.1), **settings), batch()
    asked = stand_in(monkeypatch)
    with read_by("train") as found:
        for number in range(4):
            run.step(spikes, labels, f"step {number}")
            run.model.activity(spikes)
    assert asked == ["read"] * 4
    # What was read is here, and costs no wait.
    allowed = {
        "seen.py: numpy",
        "seen.py: __int__",
        "classifier.py: __float__",
        "step.py: item",
        "finite.py: __float__",
    }
    assert set(found) - {"reading.py: cpu"} <= allowed
    assert found.count("step.py: item") == 4


@pytest.mark.parametrize(("settings", "what"), [({}, "weight"), ({"clip_norm": 1.0}, "gradient by weight")])
def test_late_reads_name_the_same_gradient(monkeypatch: pytest.MonkeyPatch, settings: Any, what: str) -> None:
    stand_in(monkeypatch)
    run, (spikes, labels) = trainer(classifier(), **settings), batch()
    run.model.network[1].weight.register_hook(lambda gradient: gradient * math.nan)
    message = rf"^layer 2 \(LIF 70-30\): {what}: expected finite numbers, got nan in .* at epoch 1, step 3; lower"
    with pytest.raises(InputError, match=message):
        run.step(spikes, labels, "epoch 1, step 3")


def test_late_reads_name_a_loss_first(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    run, (spikes, labels) = trainer(classifier(), clip_norm=1.0), batch()
    monkeypatch.setattr(run.model, "loss", lambda output, labels: output.sum() * math.inf)
    with pytest.raises(InputError, match=r"^layer 3 \(LI 30-4\): loss: expected finite .* at epoch 1, step 3"):
        run.step(spikes, labels, "epoch 1, step 3")


def test_gradients_that_wait_at_the_end_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = stand_in(monkeypatch)
    run, (spikes, labels) = trainer(classifier(), accumulate=2), batch()
    run.model.network[1].weight.register_hook(lambda gradient: gradient * math.nan)
    run.step(spikes, labels, "step 1")
    with pytest.raises(InputError, match=r"^layer 2 .*: weight: expected finite numbers"):
        run.finish("step 1")
    assert asked == ["read"] * 2
