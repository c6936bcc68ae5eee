"""The norm of all gradients; on the CPU the same bits on any number of threads."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor


@torch.no_grad()
def gradient_norm(gradients: Iterable[Tensor]) -> float:
    """The Euclidean norm over all numbers of all gradients.

    torch cuts a sum over a whole tensor among its threads, so its bits depend on how many there are. A sum over the
    last dimension alone belongs to one thread for each row; the rows are then added up in float64, in one order.

    Args:
        gradients: of any shapes.
    """
    squares = 0.0
    for gradient in gradients:
        rows = gradient if gradient.dim() > 1 else gradient.reshape(-1, 1)
        norms = torch.linalg.vector_norm(rows, dim=-1).numpy()
        squares += float(np.square(norms, dtype=np.float64).sum())
    return math.sqrt(squares)


@torch.no_grad()
def late_norm(gradients: Sequence[Tensor]) -> Tensor:
    """The same as a number that stays where the gradients are, a GPU: nothing waits for it.

    Args:
        gradients: of any shapes, at least one.
    """
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(list(gradients))))
    return norm
