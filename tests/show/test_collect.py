"""Predictions, activity and samples from one pass over a split."""

import io

import numpy as np
import pytest
import torch
from reports import STEPS, batches, network

from spikeloom.show import collect
from spikeloom.show.collect import Predictions
from spikeloom.train.loop import evaluate
from spikeloom.train.metrics import Tally
from spikeloom.train.report import Report


def test_predictions_are_the_networks() -> None:
    model, given = network(), batches(3)
    found = collect.survey(model, given).predictions
    expected = torch.cat([model.objective.classes(model(spikes)) for spikes, _ in given])
    assert found.predicted.tolist() == expected.tolist()
    assert found.labels.tolist() == torch.cat([labels for _, labels in given]).tolist()
    assert found.confusion.sum() == 15
    assert np.trace(found.confusion) == (found.labels == found.predicted).sum() == round(15 * found.accuracy)


def test_confusions_in_falling_order() -> None:
    found = Predictions(np.array([0, 0, 0, 1, 1, 2, 2]), np.array([1, 1, 0, 2, 1, 2, 2]), 3)
    assert found.confusion.tolist() == [[1, 2, 0], [0, 1, 1], [0, 0, 2]]
    assert found.confused(5) == [(0, 1, 2), (1, 2, 1)]
    assert found.confused(1) == [(0, 1, 2)]
    assert Predictions(np.array([0]), np.array([0]), 2).confused(3) == []


@pytest.mark.parametrize("changes", [{}, {"readout": "spikes"}, {"readout": "linear"}, {"recurrent": True}])
def test_a_survey_counts_every_spike(changes: dict[str, object]) -> None:
    model, given = network(**changes), batches(3)
    ticks: list[int] = []
    found = collect.survey(model, given, lambda: ticks.append(1))
    assert len(ticks) == 3
    tally = Tally()
    for spikes, labels in given:
        output = model(spikes)
        tally.add(0.0, model.objective.classes(output), labels, model.activity(spikes))
    metrics = tally.metrics(1, "test")
    assert found.predictions.accuracy == pytest.approx(metrics.accuracy)
    assert {name: float(found.rates(name).mean()) for name in found.counts} == pytest.approx(metrics.activity)
    assert found.counts["input"].sum() == sum(spikes.spike_count.sum() for spikes, _ in given)
    assert list(found.operations) == [f"layer {k}" for k in (1, 2, 3)]
    if not changes.get("recurrent"):
        assert found.operations["layer 1"].mean("forward") == 24 * found.counts["input"].sum() / 15


def test_samples_to_show_are_what_they_are_said_to_be() -> None:
    model, given = network(), batches(6)
    found = collect.survey(model, given)
    kinds = [(example.label, example.predicted) for example in found.examples]
    assert len(kinds) == len(set(kinds))
    seen = list(zip(found.predictions.labels.tolist(), found.predictions.predicted.tolist(), strict=True))
    assert set(kinds) == set(seen)
    for example in found.examples:
        assert example.index == seen.index((example.label, example.predicted))
        spikes = given[example.index // 5][0][:, example.index % 5 : example.index % 5 + 1]
        assert torch.equal(example.flows[0].x.dense(), spikes.dense())
        assert model.objective.classes(example.output).tolist() == [example.predicted]
        assert example.flows[0].x.steps == STEPS


def test_kinds_of_confusion_kept_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "CONFUSIONS_KEPT", 2)
    examples = collect.survey(network(classes=6), batches(8, 6)).examples
    assert sum(example.label != example.predicted for example in examples) == 2


def test_the_same_as_eval_where_a_cap_draws_by_chance() -> None:
    model, given = network(max_activity=0.1), batches(4)
    expected = evaluate(model, given, 1, "test", Report(io.StringIO()))
    assert model.dropped > 0
    assert collect.survey(model, given).predictions.accuracy == pytest.approx(expected.accuracy)


def test_long_recordings_go_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model, given, ticks, sizes = network(), batches(3), list[int](), list[int]()
    whole = collect.survey(model, given)
    monkeypatch.setattr(collect, "MOST_ROWS", 2 * STEPS)
    flows = collect.flows
    monkeypatch.setattr(collect, "flows", lambda model, spikes: sizes.append(spikes.batch) or flows(model, spikes))
    parts = collect.survey(model, given, lambda: ticks.append(1))
    assert sizes == [2, 2, 1] * 3
    assert len(ticks) == 3
    assert parts.predictions.predicted.tolist() == whole.predictions.predicted.tolist()
    assert [example.index for example in parts.examples] == [example.index for example in whole.examples]
    for name, work in whole.operations.items():
        assert parts.operations[name].mean("forward") == work.mean("forward")
    for name, counts in whole.counts.items():
        assert np.array_equal(parts.counts[name], counts)
