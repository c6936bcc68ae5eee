"""Optimisers that run on spikeloom's own threads, and on a GPU as torch's fused ones do.

Torch's run on OpenMP threads, which the kernels have to let go before they start and torch to make again: on a small
network that takes longer than the step itself. State and settings are torch's, so that the one can go on from what the
other has saved.

On a GPU the count of steps lies there too, and a step can be captured in a CUDA graph; a learning rate that changes
between replays has to be a tensor there.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.adam import adam

from spikeloom.checks import require
from spikeloom.ops.arrays import kernels, run, width

_CPU = torch.device("cpu")

SMALL = 1 << 14
"""So many numbers are done within some 10 microseconds."""


class Adam(torch.optim.Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1), equal to `torch.optim.Adam` within rounding.

    Args:
        params: tensors, or groups of them, as torch's optimisers take them, on one device or several; without gaps, on
            the CPU float32.
        lr: the learning rate, from 0: a number or a tensor of one.
        betas: what the moments keep in a step, each from 0 below 1.
        eps: added to the root of the second moment, from 0.
        weight_decay: times the weight is added to the gradient, from 0.

    Raises:
        InputError: a number out of its range, or a parameter that is not as above.

    Example:
        >>> from spikeloom import nn, optim
        >>> optimizer = optim.Adam(nn.LIF(700, 128).parameters(), lr=1e-3)
    """

    decoupled = False

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        for name, value in (("lr", lr), ("eps", eps), ("weight_decay", weight_decay)):
            require(value >= 0, name, "a number from 0", value)
        require(all(0 <= beta < 1 for beta in betas), "betas", "two numbers from 0 below 1", betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what an optimiser of this kind, or torch's, has saved.

        Raises:
            InputError: torch's had a setting that this one does not know.
        """
        for group in state_dict["param_groups"]:
            for name in ("amsgrad", "maximize"):
                require(not group.get(name), name, "False", "True", "take torch's optimiser")
        super().load_state_dict(state_dict)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Change the parameters by their gradients.

        Args:
            closure: computes the loss anew, as torch's optimisers take it; its value is returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            on_gpu = []
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if _on_gpu(parameter):
                    on_gpu.append(parameter)
                else:
                    self._change(parameter, group)
            if on_gpu:
                self._change_on_gpu(on_gpu, group)
        return loss

    def _state_of(self, parameter: Tensor, counter: torch.device) -> dict[str, Any]:
        """The count of steps, on that device, and the moments, which lie in memory as the parameter does."""
        state: dict[str, Any] = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=counter)
            state["exp_avg"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
            state["exp_avg_sq"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
        for moment in ("exp_avg", "exp_avg_sq"):
            # A layer that takes another route lays its weights out anew, and one may have moved.
            state[moment] = _laid_out(state[moment], parameter)
        if state["step"].device != counter:
            state["step"] = state["step"].to(counter)
        return state

    def _change_on_gpu(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """As torch's fused Adam does it, all parameters of a device in one launch."""
        states = [self._state_of(parameter, parameter.device) for parameter in parameters]
        firsts, seconds, steps = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step"))
        adam(
            parameters,
            [_laid_out(x.grad, x) for x in parameters if x.grad is not None],
            firsts,
            seconds,
            [],
            steps,
            fused=True,
            capturable=True,
            decoupled_weight_decay=self.decoupled,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )

    def _change(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self._state_of(parameter, _CPU)
        state["step"] += 1
        t, (beta1, beta2), rate, decay = state["step"].item(), group["betas"], float(group["lr"]), group["weight_decay"]
        l2, shrink = (0.0, 1 - rate * decay) if self.decoupled else (decay, 1.0)
        numbers = (1 - beta1, beta2, 1 - beta2, l2, shrink, rate / (1 - beta1**t), (1 - beta2**t) ** 0.5, group["eps"])
        tensors = (parameter, parameter.grad, state["exp_avg"], state["exp_avg_sq"])
        arrays = [_flat(tensor, parameter) for tensor in tensors]
        run(kernels("adam").adam, width(), *arrays, *map(np.float32, numbers), small=parameter.numel() <= SMALL)
        # The kernel writes past torch, which has to know that what it saved of the parameter is old.
        torch._C._autograd._unsafe_set_version_counter((parameter,), (parameter._version + 1,))


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019), equal to `torch.optim.AdamW`.

    Args:
        params: as in `Adam`.
        lr: likewise.
        betas: likewise.
        eps: likewise.
        weight_decay: times the learning rate and the weight is taken from the weight, from 0.
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


def _on_gpu(parameter: Tensor) -> bool:
    """Whether torch's own step is taken."""
    return parameter.is_cuda


def _flat(tensor: Tensor | None, like: Tensor) -> np.ndarray:
    """The numbers of a tensor in the order in which those of `like` lie in memory."""
    assert tensor is not None
    fits = tensor.dtype is torch.float32 and tensor.device.type == "cpu"
    require(fits, "parameter", "float32 on the CPU", f"{tensor.dtype} on {tensor.device}", "take torch's optimiser")
    tensor = _laid_out(tensor, like)
    if tensor.is_contiguous():
        return tensor.detach().numpy().reshape(-1)
    order = sorted(range(tensor.dim()), key=tensor.stride().__getitem__, reverse=True)
    numbers = tensor.detach().permute(order)
    require(numbers.is_contiguous(), "parameter", "one without gaps in memory", f"strides {tensor.stride()}")
    return numbers.numpy().reshape(-1)


def _laid_out(tensor: Tensor, like: Tensor) -> Tensor:
    """The tensor, or a copy of it that lies in memory as `like` does."""
    same = tensor.stride() == like.stride() and tensor.device == like.device
    return tensor if same else torch.empty_like(like, memory_format=torch.preserve_format).copy_(tensor)
