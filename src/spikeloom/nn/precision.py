"""Which number type a layer's products take: float32, or bfloat16 where torch's autocast asks for it."""

import torch


def bf16_wanted(device: torch.device) -> bool:
    """Whether the caller stands in `torch.autocast(device_type, dtype=torch.bfloat16)`.

    Weights are then read in bfloat16. Sums, states, gradients and the weights that are trained stay float32.
    """
    kind = device.type
    return torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind) is torch.bfloat16
