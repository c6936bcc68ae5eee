"""Warnings about hidden layers that have gone silent, or that spike nearly all the time."""

from collections.abc import Mapping
from typing import Literal

from spikeloom.train.seen import Seen

DEAD_ACTIVITY = 0.0005
"""A layer in which a smaller fraction of neurons and steps spikes is dead: next to nothing is learned through it."""

DEAD_SILENT = 0.95
"""A layer is dead, too, if a larger fraction of its neurons has not spiked at all."""

EXPLODING_ACTIVITY = 0.5
"""Above this activity a layer tells little by its spikes, and costs more than dense products."""

Condition = Literal["well", "dead", "exploding"]

_REMEDIES = {
    "dead": "raise initial_activity or gain, lower threshold or learning_rate, "
    "or set activity_low with activity_penalty and anneal_window=true",
    "exploding": "lower initial_activity, gain or learning_rate, raise threshold, "
    "or set activity_high with activity_penalty",
}


def condition(seen: Seen) -> Condition:
    """How a layer does, by what was seen of it over a batch or an epoch."""
    if seen.activity < DEAD_ACTIVITY or seen.silent > DEAD_SILENT:
        return "dead"
    return "exploding" if seen.activity > EXPLODING_ACTIVITY else "well"


def conditions(layers: Mapping[str, Seen]) -> dict[str, Condition]:
    """How each layer does."""
    return {name: condition(seen) for name, seen in layers.items()}


def check(layers: Mapping[str, Seen], before: Mapping[str, Condition]) -> list[str]:
    """A line for each layer that is dead or exploding, unless it has been so before.

    Args:
        layers: what was seen of the hidden layers, over a batch or an epoch.
        before: what `conditions` gave at the last look; `{}` at the first.
    """
    lines = []
    for name, now in conditions(layers).items():
        if now != "well" and before.get(name) != now:
            seen = layers[name]
            figures = f"activity {seen.activity:.2%}, {seen.silent:.0%} of its neurons never spiked"
            lines.append(f"warning: {name} is {now}: {figures}; {_REMEDIES[now]}")
    return lines
