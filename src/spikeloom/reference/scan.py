"""A layer of neurons through all time steps: the one loop that the feed-forward and the recurrent layer share."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spikeloom.neurons import Neuron
from spikeloom.reference.fire import fire
from spikeloom.surrogates import Surrogate

Parameter = float | Float[Tensor, "N"]
"""A number for all neurons of a layer, or one for each."""

State = tuple[tuple[Float[Tensor, "B N"], ...], Float[Tensor, "B N"]]
"""What a layer carries from step to step: the neuron's states, as its `states` name them, and its spikes, 0 or 1."""

Scanned = tuple[Float[Tensor, "T B N"], Bool[Tensor, "T B N"], Float[Tensor, "T B N"], State]
"""What a layer returns: spikes, window, margin, and the state after the last step."""


def scan(
    current: Callable[[int, Tensor], Tensor],
    state: State,
    *,
    steps: int,
    neuron: Neuron,
    parameters: tuple[Parameter, ...],
    depth: Parameter,
    surrogate: Surrogate,
    keep: Bool[Tensor, "T B N"] | None,
    frozen: Float[Tensor, "T B N"] | None,
) -> Scanned:
    """Run a neuron's own `step` over time.

    Args:
        current: gives `I[t]`, `[B, N]`, from t and the spikes of the step before, through which gradients flow.
        state: where to start.
        steps: T, at least 1.
        neuron, parameters, depth, surrogate, keep, frozen: as `feedforward` says.
    """
    states, spike = state
    spikes, margins = [], []
    for t in range(steps):
        before = spike if frozen is None else _with_frozen_reset(spike, frozen[t])
        states, margin = neuron.step(states, before, current(t, spike), parameters)
        spike = fire(margin, depth, surrogate, smooth=frozen is not None)
        spikes.append(spike)
        margins.append(margin)
    emitted, margin = torch.stack(spikes), torch.stack(margins)  # [T, B, N]
    window = margin >= torch.as_tensor(depth, dtype=margin.dtype, device=margin.device)
    if keep is not None:
        emitted, window = emitted * keep, window & keep
    return emitted, window, margin, (states, spike)


def zero_state(neuron: Neuron, like: Tensor, batch: int, neurons: int) -> State:
    """The state before the first step: all states zero, and no spike, in dtype and device of `like`."""
    return tuple(like.new_zeros(batch, neurons) for _ in neuron.states), like.new_zeros(batch, neurons)


def _with_frozen_reset(spike: Tensor, mask: Tensor) -> Tensor:
    # A reset reads the spike through `detach`, anything differentiable reads the spike itself. So a tensor that answers
    # `detach` with a fixed mask holds every neuron's reset still while finite differences move its spikes.
    twin = spike.view_as(spike)
    twin.detach = lambda: mask  # type: ignore[method-assign]
    return twin
