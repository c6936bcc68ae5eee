"""The cap on active ids: of too many neurons in their window at a step, a random part stays.

Which part depends on nothing but a seed, the row and the neuron, so that every kernel, on any number of threads, drops
the same ids. All arithmetic of the hash is modulo 2^64.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

ROW_FACTOR = 0x9E3779B97F4A7C15
NEURON_FACTOR = 0xBF58476D1CE4E5B9
FINAL_FACTORS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def capacity(max_activity: float, neurons: int) -> int:
    """How many ids a cap leaves per row: `max(2, 2 floor(a N / 2))` (the paper's program; ids went in pairs there).

    Args:
        max_activity: a, a fraction of the neurons, above 0 and at most 1.
        neurons: N.
    """
    # 0.58 * 100 is 57.99999999999999: the slack makes 58 of it.
    return max(2, 2 * math.floor(max_activity * neurons / 2 + 1e-9))


def cap(
    spikes: Float[Tensor, "T B N"], window: Bool[Tensor, "T B N"], *, max_activity: float, seed: int
) -> tuple[Bool[Tensor, "T B N"], int]:
    """Choose which ids leave the layer: per row the first `capacity(max_activity, N)` of its window.

    A row is one step of one sample, r = b T + t. Its window entries stand in the order (did not spike, priority, n):
    spikes come first, the window fills the rest, and among equals a random priority decides, the upper half of a hash:

        z = seed + r 0x9E3779B97F4A7C15 + n 0xBF58476D1CE4E5B9
        z = (z ^ (z >> 30)) 0xBF58476D1CE4E5B9
        z = (z ^ (z >> 27)) 0x94D049BB133111EB
        priority = (z ^ (z >> 31)) >> 32

    (the finaliser of splitmix64: Steele, Lea and Flood 2014). The cap acts on what leaves the layer: pass the mask on
    as `keep` of `feedforward` or `recurrent`.

    Args:
        spikes: 0 or 1.
        window: True where a neuron is in its window; all that spiked are.
        max_activity: the fraction of neurons that may be active at a step, above 0 and at most 1.
        seed: any integer; taken modulo 2^64.

    Returns:
        The mask of what stays, False outside the window, and the number of window entries that were dropped.
    """
    steps, batch, neurons = spikes.shape
    row = torch.arange(batch * steps, device=spikes.device).view(batch, steps).T  # [T, B]
    key = priority(seed, row[:, :, None], torch.arange(neurons, device=spikes.device))  # [T, B, N]
    key = torch.where(spikes != 0, key, key + 2**32)
    key = torch.where(window, key, 2**33)
    # A stable sort leaves equal priorities in the order of their ids.
    first = key.sort(dim=-1, stable=True).indices[:, :, : capacity(max_activity, neurons)]
    keep = torch.zeros_like(window).scatter(-1, first, True) & window
    return keep, int((window & ~keep).sum())


def priority(seed: int, row: Int[Tensor, "*#any"], neuron: Int[Tensor, "*#any"]) -> Int[Tensor, "*any"]:
    """The priority of neurons at rows, from 0 to 2^32 - 1; the smallest stay."""
    z = row * _signed(ROW_FACTOR) + neuron * _signed(NEURON_FACTOR) + _signed(seed)
    z = (z ^ _shifted(z, 30)) * _signed(FINAL_FACTORS[0])
    z = (z ^ _shifted(z, 27)) * _signed(FINAL_FACTORS[1])
    return _shifted(z ^ _shifted(z, 31), 32)


def _signed(number: int) -> int:
    # torch multiplies int64 modulo 2^64, and takes no constant above 2^63 - 1.
    return (number + 2**63) % 2**64 - 2**63


def _shifted(z: Tensor, bits: int) -> Tensor:
    # A shift of int64 copies the sign down; the mask makes it the shift of an unsigned number.
    shifted: Tensor = (z >> bits) & (2 ** (64 - bits) - 1)
    return shifted
