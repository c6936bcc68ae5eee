"""How kernels are launched."""

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor


def launch(kernel: Any, grid: tuple[int, ...], *arguments: Any, num_warps: int = 1, **constants: Any) -> None:
    """Run a kernel on a grid of programs, on the device where its tensors are.

    A product and a sum are rounded each by itself, as on a CPU: so a neuron next to its threshold does the same.

    Args:
        kernel: to run.
        grid: how many programs; none at all is no launch.
        arguments: of the kernel.
        num_warps: of 32 threads, for each program.
        constants: what it is compiled for.
    """
    if min(grid) == 0:
        return
    device = next(x.device for x in arguments if isinstance(x, Tensor))
    # Triton launches on the current device, whatever its arguments are.
    with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
        kernel[grid](*arguments, **constants, num_warps=num_warps, enable_fp_fusion=False)
