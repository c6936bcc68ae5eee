"""Losses against sums worked out by hand, and their gradients against the dense route's."""

import math

import pytest
import torch

from spikeloom import InputError, Spikes
from spikeloom.nn import losses

STEPS, BATCH, CLASSES = 7, 5, 3
LABELS = torch.tensor([0, 2, 1, 1, 0])


@pytest.fixture
def dense() -> torch.Tensor:
    torch.manual_seed(1)
    return (torch.rand(STEPS, BATCH, CLASSES) < 0.4).float()


@pytest.fixture
def membrane() -> torch.Tensor:
    torch.manual_seed(2)
    return torch.randn(STEPS, BATCH, CLASSES, dtype=torch.float64, requires_grad=True)


def test_counts_of_spikes_are_those_of_the_dense_tensor(dense: torch.Tensor) -> None:
    assert torch.equal(losses.spike_counts(Spikes.from_dense(dense)), dense.sum(0))
    assert torch.equal(losses.spike_counts(dense), dense.sum(0))


def test_near_entries_count_nothing_and_receive_the_gradient() -> None:
    near = Spikes(
        ids=torch.tensor([1, 0, 2], dtype=torch.int32),
        row_start=torch.tensor([0, 2, 3]),
        spike_count=torch.tensor([1, 0], dtype=torch.int32),
        active=torch.tensor([1.0, 0.0, 0.0], requires_grad=True),
        steps=2,
        batch=1,
        neurons=3,
    )
    counts = losses.spike_counts(near)
    assert counts.tolist() == [[0.0, 1.0, 0.0]]
    counts.backward(torch.tensor([[10.0, 20.0, 30.0]]))
    assert near.active.grad is not None
    assert near.active.grad.tolist() == [20.0, 10.0, 30.0]


@pytest.mark.parametrize("name", ["spike_sum", "per_step", "summed_over_steps", "spike_count_error"])
def test_spikes_and_dense_give_one_loss_one_gradient_and_one_class(name: str, dense: torch.Tensor) -> None:
    objective = losses.OBJECTIVES[name]
    spikes = Spikes.from_dense(dense)
    spikes.active.requires_grad_()
    dense.requires_grad_()
    sparse_loss, dense_loss = objective.loss(spikes, LABELS), objective.loss(dense, LABELS)
    torch.testing.assert_close(sparse_loss, dense_loss)
    sparse_loss.backward()
    dense_loss.backward()
    assert spikes.active.grad is not None
    assert dense.grad is not None
    by_entry = dense.grad.transpose(0, 1)[dense.transpose(0, 1) == 1]
    torch.testing.assert_close(spikes.active.grad, by_entry)
    assert torch.equal(objective.classes(spikes), objective.classes(dense))


def test_cross_entropy_on_the_spike_sum_by_hand() -> None:
    output = torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]])
    expected = -2 + math.log(math.exp(2) + math.exp(1))
    assert losses.cross_entropy_on_spike_sum(output, torch.tensor([0])).item() == pytest.approx(expected)


def test_cross_entropy_on_the_highest_membrane_by_hand(membrane: torch.Tensor) -> None:
    loss = losses.cross_entropy_on_max_membrane(membrane, LABELS)
    highest = membrane.max(0).values
    expected = -highest.log_softmax(1)[torch.arange(BATCH), LABELS].mean()
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert membrane.grad is not None
    assert (membrane.grad != 0).sum() == BATCH * CLASSES


def test_per_step_is_the_mean_and_the_sum_is_steps_times_it(membrane: torch.Tensor) -> None:
    steps = [-membrane[t].log_softmax(1)[torch.arange(BATCH), LABELS].mean() for t in range(STEPS)]
    torch.testing.assert_close(losses.cross_entropy_per_step(membrane, LABELS), torch.stack(steps).mean())
    torch.testing.assert_close(losses.cross_entropy_summed_over_steps(membrane, LABELS), torch.stack(steps).sum())


def test_mean_squared_error_by_hand() -> None:
    output = torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]])  # counts 2 and 1
    loss = losses.mean_squared_error_on_spike_counts(output, torch.tensor([0]), correct_rate=0.5, other_rate=0.25)
    assert loss.item() == pytest.approx(((2 - 1) ** 2 + (1 - 0.5) ** 2) / 2)


def test_the_vote_goes_by_steps_and_not_by_size() -> None:
    output = torch.tensor([[[9.0, 0.0]], [[0.0, 1.0]], [[0.0, 1.0]]])
    assert losses.majority_vote(output).tolist() == [1]
    assert losses.most_spikes(output).tolist() == [0]
    assert losses.highest_membrane(output).tolist() == [0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.tensor([0, 1]), r"labels: expected shape \(5,\), one per sample, got \(2,\)"),
        (torch.tensor([0, 1, 2, 3, 0]), "labels: expected classes from 0 to 2, got 0 to 3"),
        (torch.tensor([0, 1, 2, -1, 0]), "labels: expected classes from 0 to 2, got -1 to 2"),
        (torch.zeros(5), "labels: expected integers, got torch.float32"),
    ],
)
@pytest.mark.parametrize("name", losses.OBJECTIVES)
def test_labels_that_do_not_fit(name: str, labels: torch.Tensor, message: str, dense: torch.Tensor) -> None:
    with pytest.raises(InputError, match=message):
        losses.OBJECTIVES[name].loss(dense, labels)


def test_a_membrane_loss_refuses_spikes(dense: torch.Tensor) -> None:
    with pytest.raises(InputError, match="output: expected a membrane"):
        losses.cross_entropy_on_max_membrane(Spikes.from_dense(dense), LABELS)


@pytest.mark.parametrize("rate", [-0.1, 1.1])
def test_rates_are_fractions(rate: float, dense: torch.Tensor) -> None:
    with pytest.raises(InputError, match="correct_rate: expected a number from 0 to 1"):
        losses.mean_squared_error_on_spike_counts(dense, LABELS, correct_rate=rate)


def test_no_spike_at_all_is_a_loss_like_any_other() -> None:
    silent = Spikes.from_dense(torch.zeros(STEPS, BATCH, CLASSES))
    assert losses.cross_entropy_on_spike_sum(silent, LABELS).item() == pytest.approx(math.log(CLASSES))


def test_the_most_likely_class_counts_how_sure_a_step_is() -> None:
    # Two steps lean a little towards class 0, one is sure of class 1.
    output = torch.tensor([[[0.1, 0.0]], [[0.1, 0.0]], [[0.0, 5.0]]])
    assert losses.majority_vote(output).tolist() == [0]
    assert losses.most_likely(output).tolist() == [1]
    # What is added to all classes of a step says nothing.
    assert losses.most_likely(output + torch.tensor([100.0, -3.0, 7.0])[:, None, None]).tolist() == [1]
