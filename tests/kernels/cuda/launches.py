"""What tests see of operators and kernels from outside: who they are, and what is launched."""

import sys
from types import ModuleType
from typing import Any

import torch

KINDS = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.int64: "*i64", torch.int32: "*i32", torch.bool: "*i1"}
"""Triton's names of pointers."""


def operators() -> set[Any]:
    """All operators that there are."""
    from spikeloom.ops.operator import Operator

    modules = [module for name, module in sys.modules.items() if name.startswith("spikeloom.ops")]
    return {value for module in modules for value in vars(module).values() if isinstance(value, Operator)}


def kernel_modules() -> list[ModuleType]:
    """The modules that launch kernels."""
    names = [name for name in sys.modules if name.startswith("spikeloom.kernels.cuda.") and not name.endswith("launch")]
    return [sys.modules[name] for name in names if hasattr(sys.modules[name], "launch")]


def all_kernels() -> set[tuple[str, str]]:
    """The kernels that are launched, by module and name; the functions that they call have other names."""
    launched = ("_forward", "_backward", "_unpack")
    return {(module.__name__, name) for module in kernel_modules() for name in launched if hasattr(module, name)}


def described(kernel: Any, arguments: tuple[Any, ...], constants: dict[str, Any]) -> dict[str, Any]:
    """A launch as Triton's compiler takes it: a signature, and the values of what is constant."""
    constants, signature = dict(constants), {}
    warps = constants.pop("num_warps", 1)
    for name, value in zip(kernel.arg_names, arguments, strict=False):
        if isinstance(value, torch.Tensor):
            signature[name] = KINDS[value.dtype]
        elif value is None:
            constants[name] = None
        else:
            signature[name] = "i64" if abs(value) >= 2**31 else "i32"
    signature |= dict.fromkeys(constants, "constexpr")
    ordered = {name: signature[name] for name in kernel.arg_names}
    module, name = kernel.fn.__module__, kernel.fn.__name__
    return {"module": module, "name": name, "signature": ordered, "constants": constants, "num_warps": warps}
