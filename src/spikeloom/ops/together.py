"""How the samples of a recurrent layer go through time together, and what the workers share while they do."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from spikeloom.ops.arrays import kernels

MOST_SAMPLES = 128
"""So many samples take a step together: their adjoints stay in the cache, and each row of weights serves several."""

MOST_ADJOINTS = 1 << 24
"""Numbers, 64 MB: of what a dense product takes in of all steps at once, no group of samples has more."""

UNITS = 16
"""Work is cut into at least so many units where there are blocks and samples enough, so that many workers find some."""


@dataclass(frozen=True)
class Together:
    """Groups of samples, of about equal size, which go through time one group after the other.

    Nothing here depends on the number of threads, since window entries are stored in this order.

    Args:
        blocks: of 64 neurons.
        batch: B.
        groups: how many groups there are.
        slices: into how many slices a group's samples are cut; a block and a slice is a unit of work.
    """

    blocks: int
    batch: int
    groups: int
    slices: int

    @property
    def units(self) -> int:
        """Of a group."""
        return self.blocks * self.slices

    def bounds(self) -> list[tuple[int, int]]:
        """Each group's first sample, and the one behind its last."""
        return list(pairwise(self.batch * i // self.groups for i in range(self.groups + 1)))

    def of_group(self, group: int) -> slice:
        """A group's units among all."""
        return slice(group * self.units, (group + 1) * self.units)


def together(blocks: int, batch: int, steps: int, *, dense: bool) -> Together:
    """How the samples of a layer are grouped.

    Args:
        blocks: of 64 neurons.
        batch: B.
        steps: T.
        dense: whether its input is dense.
    """
    most = MOST_SAMPLES
    if dense:
        most = max(1, min(most, MOST_ADJOINTS // (steps * blocks * 64)))
    groups = -(-batch // most)
    return Together(blocks, batch, groups, max(1, min(batch // groups, UNITS // blocks)))


def stretch_of(rows: int, samples: int, steps: int) -> int:
    """How many steps of so many samples have about so many rows."""
    return max(1, min(steps, rows // samples))


def team(phases: int) -> Any:
    """What the workers of a kernel share."""
    taken = np.zeros((phases, torch.get_num_threads()), np.int64)
    return kernels("team").Team(taken, np.zeros(phases, np.int64), np.zeros(2, np.int64))


def cut(room: np.ndarray, *sizes: int) -> list[np.ndarray]:
    """Pieces of so many floats, one behind the other."""
    ends = np.cumsum(sizes)
    return [room[end - size : end] for end, size in zip(ends, sizes, strict=True)]
