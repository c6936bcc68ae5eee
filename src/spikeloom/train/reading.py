"""What the CPU reads of a GPU: all that a step has to tell, with one wait.

A read waits until the GPU has done all that it was given, and meanwhile nobody gives it more to do.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def is_late(device: torch.device) -> bool:
    """Whether numbers on a device are read together and late; those on the CPU are there at once."""
    return device.type != "cpu"


def together(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The same numbers on the CPU, for which a GPU is waited for once.

    Args:
        tensors: at least one, all of one device; integers of less than 2^53.
    """
    tensors = [x.detach() for x in tensors]
    if not is_late(tensors[0].device):
        return tensors
    flat = here(torch.cat([x.flatten().double() for x in tensors]))
    parts = torch.split(flat, [x.numel() for x in tensors])
    return [part.view(x.shape).to(x.dtype) for part, x in zip(parts, tensors, strict=True)]


def here(numbers: Tensor) -> Tensor:
    """The only read of a step."""
    return numbers.cpu()
