"""A fixed delay: a layer hears each input some steps later than it came.

The paper's program has one step of delay a layer, so that all layers can advance at once (Finkbeiner et al. 2024). What
a call holds back at its end is part of the state that the layer returns, and comes first in the next call.
"""

from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Int
from torch import Tensor

from spikeloom.checks import require
from spikeloom.nn.state import State
from spikeloom.spikes import Spikes

Input = Spikes | Tensor


def checked_delay(steps: int) -> int:
    """The delay, a whole number of steps.

    Raises:
        InputError: another number, or one below 0.
    """
    require(isinstance(steps, int) and steps >= 0, "delay", "a whole number of steps, 0 or more", repr(steps))
    return steps


def delayed(x: Input, state: State | None, *, steps: int) -> tuple[Input, Input | None]:
    """What a layer hears of its input, and what its state has to hold back.

    Args:
        x: the input, of T steps.
        state: what the layer goes on from; silence came before it where there is none.
        steps: of delay.

    Raises:
        InputError: a state that holds another number of steps, samples or inputs.
    """
    if steps == 0:
        return x, None
    late = None if state is None else state.late
    batch, inputs = (x.batch, x.neurons) if isinstance(x, Spikes) else x.shape[1:]
    if late is None:
        late = _silence(steps, batch, inputs, x.device)
    got = (late.steps, late.batch, late.neurons) if isinstance(late, Spikes) else tuple(late.shape)
    wanted = (steps, batch, inputs)
    require(got == wanted, "state", f"inputs {wanted}, [D, B, I], held back", got)
    if isinstance(x, Tensor) or isinstance(late, Tensor):
        whole = torch.cat([y.dense() if isinstance(y, Spikes) else y for y in (late, x)])
        return whole[:-steps], whole[-steps:]
    joined = _joined(late, x)
    return joined[: x.steps], joined[x.steps :]


def _silence(steps: int, batch: int, neurons: int, device: torch.device) -> Spikes:
    rows = steps * batch
    zeros = partial(torch.zeros, device=device)
    start, count = zeros(rows + 1, dtype=torch.int64), zeros(rows, dtype=torch.int32)
    return Spikes(zeros(0, dtype=torch.int32), start, count, zeros(0), steps, batch, neurons)


def _joined(first: Spikes, second: Spikes) -> Spikes:
    """The steps of one behind those of the other; gradients flow back to both."""
    parts = (first, second)
    ends = [part.row_start[:: part.steps] for part in parts]  # where each sample begins, and the end
    lengths = [end.diff().tolist() for end in ends]
    ids, active = (
        torch.cat([piece for pair in zip(*pieces, strict=True) for piece in pair])
        for pieces in (
            [torch.split(part.ids, size) for part, size in zip(parts, lengths, strict=True)],
            [torch.split(part.active, size) for part, size in zip(parts, lengths, strict=True)],
        )
    )
    sizes = torch.cat([_by_sample(part.row_start.diff(), part) for part in parts], 1).flatten()
    return replace(
        second,
        ids=ids,
        active=active,
        row_start=torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]),
        spike_count=torch.cat([_by_sample(part.spike_count, part) for part in parts], 1).flatten(),
        steps=first.steps + second.steps,
    )


def _by_sample(rows: Int[Tensor, "R"], spikes: Spikes) -> Int[Tensor, "B T"]:
    return rows.view(spikes.batch, spikes.steps)
