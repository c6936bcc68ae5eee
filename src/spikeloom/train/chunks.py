"""A batch in chunks of time: memory for one chunk, however many steps there are.

A chunk goes on from the state that the one before it left. Three ways to the gradient:

* `exact`: a first pass without a graph keeps the output of all steps and the states at the borders. The loss on the
  whole output gives its gradient by each step's output. A second pass takes the chunks from the last to the first:
  each runs again from its border, and its backward pass takes the output's gradient and the gradient by the state that
  the chunk after it began with. The price is a forward pass more (Chen et al. 2016, checkpoints along time).
* `truncated`: as above, but no gradient crosses a border (Williams and Peng 1990), so the second pass runs forwards.
* `truncated_at_once`: where the loss is a sum over the steps, a chunk's part of it is known when it has run, and one
  pass is enough.

All random numbers of a chunk (masks of dropout, choices of a cap) are drawn again as they were in the first pass.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from spikeloom.nn import States
from spikeloom.nn.losses import Output
from spikeloom.spikes import Spikes
from spikeloom.train import chance
from spikeloom.train.chance import Chance
from spikeloom.train.classifier import Classifier
from spikeloom.train.config import TrainingSettings
from spikeloom.train.goal import Goal


def length(settings: TrainingSettings) -> int | None:
    """Steps of a chunk; None where all steps run at once."""
    return settings.tbptt or settings.time_chunk


def backward(goal: Goal, spikes: Spikes) -> tuple[Tensor, Output]:
    """Add a batch's gradients to the weights'.

    Args:
        goal: what they lower.
        spikes: the batch.

    Returns:
        The objective's loss, and the output; in chunks, that is the dense `[T, B, C]`.

    Raises:
        InputError: numbers that are not finite, or labels that do not fit.
    """
    settings = goal.settings
    if settings.time_chunk:
        return exact(goal, spikes, settings.time_chunk)
    if settings.tbptt is None:
        return at_once(goal, spikes)
    if goal.model.objective.over_steps is None or goal.penalised:
        return truncated(goal, spikes, settings.tbptt)
    return truncated_at_once(goal, spikes, settings.tbptt)


def outputs(model: Classifier, spikes: Spikes, chunk: int | None) -> Output:
    """A model's output without a graph; in chunks, the dense `[T, B, C]`.

    Args:
        model: whose.
        spikes: a batch.
        chunk: steps at a time; None for all at once.
    """
    with torch.no_grad():
        if chunk is None:
            return model(spikes)  # type: ignore[no-any-return]
        state, kept = None, []
        for part in _parts(spikes.steps, chunk):
            layers, state = model.layers(spikes[part], state)
            kept.append(_dense(layers[-1]))
        return torch.cat(kept)


def at_once(goal: Goal, spikes: Spikes) -> tuple[Tensor, Output]:
    """All steps in one graph; see `backward`."""
    layers, _ = goal.model.layers(spikes)
    loss = goal.objective(layers[-1])
    (loss + goal.penalty(goal.counts(layers))).backward()  # type: ignore[no-untyped-call]
    return loss.detach(), layers[-1]


def exact(goal: Goal, spikes: Spikes, chunk: int) -> tuple[Tensor, Output]:
    """The whole gradient, in chunks; see `backward`."""
    output, counts, borders = _first_pass(goal, spikes, chunk)
    after, device = chance.take(goal.model.device), goal.model.device
    loss, d_output, d_counts = _gradients_by_outputs(goal, output, counts)
    d_state: list[Tensor | None] = []
    for part, (random, border) in reversed(list(zip(_parts(spikes.steps, chunk), borders, strict=True))):
        chance.give_back(random, device)
        start = None if border is None else _leaves(border)
        layers, end = goal.model.network.layers(spikes[part], start)
        own = [_dense(layers[-1]), *goal.counts(layers)], [d_output[part], *d_counts]
        later = (_tensors(end), d_state) if d_state else ([], [])
        _backward([*own[0], *later[0]], [*own[1], *later[1]])
        d_state = [] if start is None else [tensor.grad for tensor in _tensors(start)]
    chance.give_back(after, device)
    return loss, output


def truncated(goal: Goal, spikes: Spikes, chunk: int) -> tuple[Tensor, Output]:
    """The gradient cut at the chunks' borders, of any loss; see `backward`."""
    random = chance.take(goal.model.device)
    output, counts, _ = _first_pass(goal, spikes, chunk, keep_borders=False)
    loss, d_output, d_counts = _gradients_by_outputs(goal, output, counts)
    # The second pass draws what the first one drew, and ends where it ended.
    chance.give_back(random, goal.model.device)
    state = None
    for part in _parts(spikes.steps, chunk):
        layers, end = goal.model.network.layers(spikes[part], state)
        _backward([_dense(layers[-1]), *goal.counts(layers)], [d_output[part], *d_counts])
        state = end.detach()
    return loss, output


def truncated_at_once(goal: Goal, spikes: Spikes, chunk: int) -> tuple[Tensor, Output]:
    """The gradient cut at the chunks' borders, of a loss that is a sum or a mean over the steps; see `backward`."""
    total, kept, state = torch.zeros(()), [], None
    for part in _parts(spikes.steps, chunk):
        layers, end = goal.model.layers(spikes[part], state)
        output = _dense(layers[-1])
        share = len(output) / spikes.steps if goal.model.objective.over_steps == "mean" else 1.0
        loss = share * goal.objective(output)
        loss.backward()  # type: ignore[no-untyped-call]
        total = total + loss.detach()
        kept.append(output.detach())
        state = end.detach()
    return total, torch.cat(kept)


Border = tuple[Chance, States | None]
"""Where a chunk begins: the state of torch's random numbers, and the layers' states."""


@torch.no_grad()
def _first_pass(
    goal: Goal, spikes: Spikes, chunk: int, *, keep_borders: bool = True
) -> tuple[Float[Tensor, "T B C"], list[Tensor], list[Border]]:
    """The output of all steps, how often each hidden neuron spiked, and the borders."""
    state: States | None = None
    kept, counts, borders = list[Tensor](), list[Tensor](), list[Border]()
    for part in _parts(spikes.steps, chunk):
        if keep_borders:
            borders.append((chance.take(goal.model.device), state))
        layers, state = goal.model.layers(spikes[part], state)
        kept.append(_dense(layers[-1]))
        here = goal.counts(layers)
        counts = [a + b for a, b in zip(counts, here, strict=True)] if counts else here
    return torch.cat(kept), counts, borders


def _gradients_by_outputs(
    goal: Goal, output: Tensor, counts: Sequence[Tensor]
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """The loss, and the goal's gradients by the output `[T, B, C]` and by each layer's counts `[N]`."""
    leaves = [x.detach().requires_grad_() for x in (output, *counts)]
    loss = goal.objective(leaves[0])
    d_output, *d_counts = torch.autograd.grad(loss + goal.penalty(leaves[1:]), leaves)
    return loss.detach(), d_output, tuple(d_counts)


def _backward(tensors: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> None:
    """Go back from those tensors that have a gradient."""
    pairs = [(x, d) for x, d in zip(tensors, gradients, strict=True) if d is not None]
    torch.autograd.backward([x for x, _ in pairs], [d for _, d in pairs])


def _parts(steps: int, chunk: int) -> list[slice]:
    return [slice(first, min(first + chunk, steps)) for first in range(0, steps, chunk)]


def _dense(output: Any) -> Float[Tensor, "T B C"]:
    dense: Tensor = output.dense() if isinstance(output, Spikes) else output
    return dense


def _leaves(states: States) -> States:
    """The same states as leaves of a new graph."""
    return States(None if state is None else state.map(lambda x: x.detach().requires_grad_()) for state in states)


def _tensors(states: States) -> list[Tensor]:
    """What gradients can flow through, in a fixed order."""
    return [tensor for state in states if state is not None for tensor in state.tensors()]
