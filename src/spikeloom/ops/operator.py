"""Operators that torch's tracers see, and that eager code reaches without torch's dispatcher.

On its way through the dispatcher, a call of a Python operator costs 0.2 ms: as much as all kernels of a small layer.
"""

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spikeloom.checks import InputError

_OTHERS = {"cuda": "spikeloom.ops.cuda"}
"""Where the functions for devices other than the CPU are, imported when a tensor first comes from there."""


class Operator:
    """A function of tensors, registered with `torch.library`.

    Args:
        name: of the operator, in the namespace `spikeloom`.
        schema: its arguments and results, as torch writes them; the first argument is a tensor, whose device decides.
        function: what it computes on the CPU.
    """

    def __init__(self, name: str, schema: str, function: Callable[..., Any]) -> None:
        define = torch.library.custom_op(f"spikeloom::{name}", mutates_args=(), device_types="cpu", schema=schema)
        self._traced, self._name, self._functions = define(function), name, {"cpu": function}
        self._differentiable: Callable[..., Any] = self._run
        for device in _OTHERS:
            self._traced.register_kernel(device)(self._run)
        self.register_fake = self._traced.register_fake
        self.__doc__, self.__name__, self.__wrapped__ = function.__doc__, name, function

    def __call__(self, *arguments: Any) -> Any:
        if _is_traced() or not all(_is_plain(value) for value in arguments):
            return self._traced(*arguments)
        return (self._differentiable if torch.is_grad_enabled() else self._run)(*arguments)

    def on(self, device: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register what it computes on another device."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self._functions[device] = function
            return function

        return register

    def register_autograd(
        self, backward: Callable[..., Any], *, setup_context: Callable[[Any, tuple[Any, ...], Any], None]
    ) -> None:
        """Make it differentiable, once; the arguments are those of torch's `register_autograd`."""
        self._traced.register_autograd(backward, setup_context=setup_context)

        def forward(context: Any, *arguments: Any) -> Tensor | tuple[Tensor, ...]:
            output = self._run(*arguments)
            setup_context(context, arguments, output)
            return output  # type: ignore[no-any-return]

        methods = {"forward": staticmethod(forward), "backward": staticmethod(once_differentiable(backward))}
        made: Any = type(self._name, (torch.autograd.Function,), methods)
        self._differentiable = made.apply

    def _run(self, *arguments: Any) -> Any:
        device = arguments[0].device.type
        if device not in self._functions:
            if device in _OTHERS:
                importlib.import_module(_OTHERS[device])
            if device not in self._functions:
                raise InputError(f"{self._name}: expected tensors on {' or '.join(self._functions)}, got {device}")
        return self._functions[device](*arguments)


def operator(name: str, schema: str) -> Callable[[Callable[..., Any]], Operator]:
    """Turn a function of tensors into an `Operator`."""
    return lambda function: Operator(name, schema, function)


def _is_plain(value: Any) -> bool:
    """Whether it is no tensor, or one of torch's own kinds where there are functions for it."""
    return not isinstance(value, Tensor) or (
        type(value) in (Tensor, torch.nn.Parameter) and (value.is_cpu or value.is_cuda)
    )


def _is_traced() -> bool:
    """Whether calls are recorded or transformed, by a compiler or by a mode that sees all operators."""
    return (
        torch.compiler.is_compiling()
        or torch._C._is_tracing()
        or torch._C._len_torch_dispatch_stack() > 0
        or torch._C._are_functorch_transforms_active()
    )
