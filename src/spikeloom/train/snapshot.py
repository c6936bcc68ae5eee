"""All tensors that training goes on from: weights, buffers, the optimiser's moments, and torch's random numbers."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from spikeloom.checks import require
from spikeloom.train import chance
from spikeloom.train.chance import Chance

RANDOM, GPU_RANDOM = "random", "gpu_random"
OTHER_CODE = "the settings or the version of spikeloom have changed since: begin the run anew"


def take(network: nn.Module, optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, list[int]]]:
    """Everything that a training step reads and changes, on the CPU wherever it was: so it goes on on any device.

    Args:
        network: with its weights as they lie in memory, padding included, so that they come back with the same bits.
        optimizer: of the network's parameters.

    Returns:
        Tensors by name, and the strides of each parameter: a layer lays its weights out as its route reads them.
    """
    random = chance.take(_device(network))
    tensors = {RANDOM: random.cpu} | ({} if random.gpu is None else {GPU_RANDOM: random.gpu})
    tensors |= {f"extra.{name}": value for name, value in _extra(network).items()}
    tensors |= {f"buffer.{name}": value.detach() for name, value in network.named_buffers()}
    for name, parameter in network.named_parameters():
        tensors[f"parameter.{name}"] = parameter.detach()
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{key}.{name}"] = value.detach()
    strides = {name: list(parameter.stride()) for name, parameter in network.named_parameters()}
    return {name: value.cpu() for name, value in tensors.items()}, strides


@torch.no_grad()
def give_back(
    network: nn.Module, optimizer: Optimizer, tensors: dict[str, Tensor], strides: dict[str, list[int]]
) -> None:
    """Put back what `take` took, into a network of the same settings, which may be on another device.

    Raises:
        InputError: tensors of another network.
    """
    expected = {f"parameter.{name}": tuple(value.shape) for name, value in network.named_parameters()}
    expected |= {f"buffer.{name}": tuple(value.shape) for name, value in network.named_buffers()}
    got = {name: tuple(value.shape) for name, value in tensors.items() if name.startswith(("parameter.", "buffer."))}
    for name in sorted(expected.keys() | got.keys()):
        wanted, found = (str(shapes.get(name, "no such tensor")) for shapes in (expected, got))
        require(wanted == found, f"checkpoint: {name}", wanted, found, OTHER_CODE)
    extra = {name.removeprefix("extra."): value for name, value in tensors.items() if name.startswith("extra.")}
    network.load_state_dict(network.state_dict() | extra)
    for name, buffer in network.named_buffers():
        buffer.copy_(tensors[f"buffer.{name}"])
    for name, parameter in network.named_parameters():
        parameter.data = _laid_out(tensors[f"parameter.{name}"], strides[name], parameter.device)
    _give_moments_back(network, optimizer, tensors)
    random = Chance(tensors[RANDOM].clone(), tensors.get(GPU_RANDOM))
    chance.give_back(random, _device(network))


def _extra(network: nn.Module) -> dict[str, Tensor]:
    """What a state_dict holds beside parameters and buffers, such as the route that a layer has chosen."""
    own = {name for name, _ in network.named_parameters()} | {name for name, _ in network.named_buffers()}
    return {name: value for name, value in network.state_dict().items() if name not in own}


def _give_moments_back(network: nn.Module, optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """The optimiser's state; where the number of its step has to be, on the CPU or on a GPU, is for it to say."""
    names = {parameter: name for name, parameter in network.named_parameters()}
    state = optimizer.state_dict()
    groups = zip(optimizer.param_groups, state["param_groups"], strict=True)
    numbers = [pair for own, saved in groups for pair in zip(own["params"], saved["params"], strict=True)]
    moments = {number: _moments(names[parameter], parameter, tensors) for parameter, number in numbers}
    optimizer.load_state_dict(state | {"state": moments})


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def _moments(name: str, parameter: nn.Parameter, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """The optimiser's state of a parameter; what has its shape gets its strides, since the fused step asks for that."""
    state = {}
    for key, value in tensors.items():
        kind, _, rest = key.partition(".")
        which, _, of = rest.partition(".")
        if kind == "optimizer" and of == name:
            same = value.shape == parameter.shape and value.dim() > 0
            state[which] = _laid_out(value, parameter.stride(), parameter.device) if same else value.clone()
    return state


def _laid_out(value: Tensor, strides: list[int] | tuple[int, ...], device: torch.device) -> Tensor:
    return torch.empty_strided(value.shape, tuple(strides), dtype=value.dtype, device=device).copy_(value)
