"""Warnings about dead and exploding layers."""

import numpy as np
import pytest
from networks import batch, classifier

from spikeloom.train import guards
from spikeloom.train.config import NetworkSettings, TrainingSettings
from spikeloom.train.seen import Seen


def seen(*counts: int, rows: int = 1000) -> Seen:
    return Seen(np.array(counts, float), rows)


@pytest.mark.parametrize(
    ("layer", "condition"),
    [
        (seen(50, 20), "well"),
        (seen(0, 0), "dead"),
        (seen(1, 0, 0, 0), "dead"),
        (seen(900, *[0] * 30), "dead"),
        (seen(*[60] * 2, *[0] * 30), "well"),
        (seen(499, 499), "well"),
        (seen(502, 500), "exploding"),
    ],
)
def test_conditions(layer: Seen, condition: str) -> None:
    assert guards.condition(layer) == condition


def test_a_line_names_the_layer_the_figures_and_what_to_change() -> None:
    layers = {"layer 1": seen(50, 20), "layer 2": seen(0, 0, 0, 1), "layer 3": seen(800, 900)}
    dead, exploding = guards.check(layers, {})
    assert dead.startswith("warning: layer 2 is dead: activity 0.03%, 75% of its neurons never spiked; raise initial_")
    assert exploding.startswith("warning: layer 3 is exploding: activity 85.00%, 0% of its neurons never spiked; lower")
    settings = NetworkSettings.__dataclass_fields__ | TrainingSettings.__dataclass_fields__
    for name in ("initial_activity", "gain", "learning_rate", "threshold", "anneal_window", "activity_penalty"):
        assert name in settings
        assert name in dead + exploding
    assert "\n" not in dead + exploding


def test_a_warning_comes_again_only_when_the_layer_has_changed() -> None:
    dead, well, wild = {"layer 1": seen(0, 0)}, {"layer 1": seen(50, 20)}, {"layer 1": seen(900, 900)}
    last, said = {}, []
    for now in (dead, dead, wild, well, well, dead):
        said.append([line.split(":")[1] for line in guards.check(now, last)])
        last = guards.conditions(now)
    assert said == [[" layer 1 is dead"], [], [" layer 1 is exploding"], [], [], [" layer 1 is dead"]]


@pytest.mark.parametrize(("threshold", "condition"), [(1e6, "dead"), (-1e6, "exploding"), (1.0, "well")])
def test_of_a_network(threshold: float, condition: str) -> None:
    model, (spikes, _) = classifier(active=0.1 if threshold == 1.0 else None), batch()
    if threshold != 1.0:
        for layer in (model.network[0], model.network[1]):
            layer.second_threshold.fill_(threshold)
            layer.threshold.fill_(threshold)
    model(spikes)
    assert set(guards.conditions(model.hidden_seen).values()) == {condition}
