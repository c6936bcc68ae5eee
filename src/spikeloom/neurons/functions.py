"""The functions that a neuron may use beside `+ - * /`, powers and comparisons: on numbers, tensors and traced values.

Kernels emit each as vector instructions; the reference hands them to torch.
"""

import math
from typing import Any

import torch
from torch import Tensor


def detach(x: Any) -> Any:
    """The same value with no gradient through it; kernels compile it away."""
    return x.detach() if hasattr(x, "detach") else x


def exp(x: Any) -> Any:
    """The exponential."""
    return x.exp() if hasattr(x, "exp") else math.exp(x)


def maximum(a: Any, b: Any) -> Any:
    """The larger of two; where they are equal, the gradient goes to the first."""
    return where(a >= b, a, b)


def minimum(a: Any, b: Any) -> Any:
    """The smaller of two; where they are equal, the gradient goes to the first."""
    return where(a <= b, a, b)


def where(condition: Any, a: Any, b: Any) -> Any:
    """`a` where a comparison holds, else `b`; it is what `if` is not: a choice for each neuron."""
    if isinstance(condition, Tensor):
        return torch.where(condition, a, b)
    return condition.where(a, b) if hasattr(condition, "where") else (a if condition else b)
