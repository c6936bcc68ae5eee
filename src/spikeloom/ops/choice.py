"""Which route a layer takes: the sparse one, or dense products over all steps and samples at once."""

import importlib
from typing import NamedTuple

import torch

from spikeloom.ops.arrays import width

# Above this share of active ids a sparse step takes longer than dense products in float32, or in bfloat16, on a
# processor that multiplies matrices of it. Measured for 16 lanes, see docs/design/performance.md.
CROSSOVER = {16: 0.34, 8: 0.25, 4: 0.25}
LOW_CROSSOVER = {16: 0.07, 8: 0.25, 4: 0.25}


class Route(NamedTuple):
    """The chosen route and why it was chosen; `kept` where later batches take it too."""

    sparse: bool
    reason: str
    kept: bool = False


class Crossover(NamedTuple):
    """The share of active ids up to which the sparse route is taken, and its name in an explanation."""

    share: float
    name: str


def crossover(device: torch.device, *, low: bool) -> Crossover:
    """The crossover of a device.

    For the CPU it depends on the width of the vector registers and the number type alone. On a GPU it is measured when
    it is first asked for, and kept in a file: see `ops.crossover`.

    Args:
        device: on which the input lies.
        low: whether products take bfloat16, float32 otherwise.
    """
    if device.type == "cuda":
        # Not imported with this module, since it imports Triton.
        measured: Crossover = importlib.import_module("spikeloom.ops.cuda.choice").crossover(device, low=low)
        return measured
    share = (LOW_CROSSOVER if low else CROSSOVER)[width().lanes]
    return Crossover(share, f"{share:.0%}" + (" in bfloat16" if low else ""))


def choose(*, activity: float, window: float, crossover: Crossover) -> Route:
    """Choose by the input's activity, which sets the cost of the sparse forward pass and weight gradient.

    The choice depends on the batch and the crossover alone, not on a clock: so runs repeat.

    Args:
        activity: the share of the inputs that spike in a step, from 0 to 1.
        window: the share in their gradient window, 0 where no gradient by the input is wanted.
        crossover: of the device and the number type.
    """
    # Spikes cost rows in the forward pass and the weight gradient, entries in the window rows for the input's. Three to
    # one are the weights with which the crossovers were measured.
    passes = 4 if window else 3
    share = (3 * activity + window) / passes
    side = "below" if share <= crossover.share else "above"
    reason = f"{share:.2%} of the ids active in the first batch, {side} the crossover of {crossover.name}"
    return Route(share <= crossover.share, reason, True)
