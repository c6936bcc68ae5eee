"""What the adjoint of a recurrent layer takes, bundled."""

from typing import Any, NamedTuple


class Record(NamedTuple):
    """What the forward pass left.

    `spikes`, `near` and `kept` are [N / 64, B * T] uint64: who spiked, who was in its window, and whose window entries
    left the layer. `first_spike` is [N / 64, B] uint64, the spikes before the first step. `slope` is [E] float32, the
    surrogate's derivative at each window entry; `entry_end` [B] int64, where each sample's entries end in it.
    `history` is [K, B * T, N] float32, what the neuron kept of each step.
    """

    spikes: Any
    near: Any
    kept: Any
    first_spike: Any
    slope: Any
    entry_end: Any
    history: Any


class Upstream(NamedTuple):
    """The loss's derivatives by what the layer returned.

    `active` is [K] float32, by each spike from outside, in the order of the output's rows; `row_start` [B * T + 1]
    int64 says where each row begins in it, and `spike_end` [B * T] where the part of those that spiked ends.
    `last_state` is [S, B, N], by the states after the last step; `last_spike` [B, N], by its spikes as part of the
    state.
    """

    active: Any
    row_start: Any
    spike_end: Any
    last_state: Any
    last_spike: Any


class Input(NamedTuple):
    """What the layer heard from outside: rows of ids, its weights and their gradients.

    `ids`, `row_start`, `spike_count` as in `Gathered`, of I inputs; `weight` and `d_weight` are flat [N / 64, I, 64].
    `columns` has room for the spikes by input. `d_input` is [parts, K] float32, one row
    for each part of the blocks, or [parts, 0] where no gradient by the input is wanted. A dense input has no ids and
    I = 0.
    """

    ids: Any
    row_start: Any
    spike_count: Any
    weight: Any
    d_weight: Any
    columns: Any
    d_input: Any


class Inner(NamedTuple):
    """The weights between the neurons, flat [N / 64, N, 64], their gradient, and room for columns as in `Input`."""

    weight: Any
    d_weight: Any
    columns: Any
