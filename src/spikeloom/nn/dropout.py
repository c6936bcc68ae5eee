"""Dropout on spikes: for a whole sample, some of a layer's inputs are silent.

In training each input of each sample is silent for all steps with a chance p (Srivastava et al. 2014, with the one mask
for all steps of a sample that SpikingJelly takes). A mask that changed with every step would only thin spike trains
out, and a neuron that sums over time would hear through it. In evaluation every input is heard, through weights times
1 - p, so that a current is what it was in training on average. Training itself scales nothing: spikes stay zeros and
ones, which the sparse route needs.

The layer that receives the spikes owns its dropout, so that what a layer returns is what its neurons did. The mask is
part of the state that the layer returns, and a call that goes on from this state takes the same mask: a sample that is
fed in chunks of time loses the same inputs in all of them. Without a state a new mask is drawn, from torch's own
random numbers of the device on which the input lies.
"""

from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from spikeloom.checks import require
from spikeloom.nn.state import State
from spikeloom.spikes import Spikes


def checked_chance(chance: float) -> float:
    """The chance, from 0 below 1.

    Raises:
        InputError: one out of its range.
    """
    require(0 <= chance < 1, "dropout", "a chance from 0 below 1", chance)
    return chance


def drop(
    x: Spikes | Tensor, state: State | None, *, chance: float, training: bool
) -> tuple[Spikes | Tensor, Bool[Tensor, "B I"] | None]:
    """What a layer hears of its input, and the mask that its state has to carry.

    Args:
        x: the input of I neurons.
        state: what the layer goes on from; its mask is taken, if it has one.
        chance: that an input is silent.
        training: whether the layer trains; else everything is heard, and there is no mask.

    Raises:
        InputError: a mask of another batch.
    """
    if not training or chance == 0:
        return x, None
    wanted = (x.batch, x.neurons) if isinstance(x, Spikes) else (x.shape[1], x.shape[2])
    kept = None if state is None else state.kept
    if kept is None:
        kept = torch.rand(wanted, device=x.device) >= chance
    require(tuple(kept.shape) == wanted, "state", f"a mask {wanted}, [B, I]", tuple(kept.shape))
    return (only(x, kept) if isinstance(x, Spikes) else x * kept), kept


def scaled(weight: Tensor, *, chance: float, training: bool) -> Tensor:
    """The input weights as a layer takes them: in evaluation, less what training silences on average."""
    return weight if training or chance == 0 else weight * (1 - chance)


def only(spikes: Spikes, kept: Bool[Tensor, "B N"]) -> Spikes:
    """The same spikes without those of neurons that a sample does not keep; gradients reach what is left."""
    per_sample = spikes.row_start[:: spikes.steps].diff()  # [B], entries
    offset = torch.arange(spikes.batch, device=spikes.device) * spikes.neurons
    offset = torch.repeat_interleave(offset, per_sample, output_size=spikes.ids.numel())
    keep = kept.flatten()[offset + spikes.ids]  # [K]
    before = torch.cat([offset.new_zeros(1), keep.cumsum(0)])
    start, where = before[spikes.row_start], keep.nonzero()[:, 0]
    return replace(
        spikes,
        ids=spikes.ids.index_select(0, where),
        row_start=start,
        spike_count=(before[spikes.row_start[:-1] + spikes.spike_count] - start[:-1]).int(),
        active=spikes.active.index_select(0, where),
    )
