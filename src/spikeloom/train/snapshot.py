"""All tensors that training goes on from: weights, buffers, the optimiser's moments, and torch's random numbers."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from spikeloom.checks import require

RANDOM = "random"
OTHER_CODE = "the settings or the version of spikeloom have changed since: begin the run anew"


def take(network: nn.Module, optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, list[int]]]:
    """Everything that a training step reads and changes.

    Args:
        network: with its weights as they lie in memory, padding included, so that they come back with the same bits.
        optimizer: of the network's parameters.

    Returns:
        Tensors by name, and the strides of each parameter: a layer lays its weights out as its route reads them.
    """
    tensors = {RANDOM: torch.get_rng_state()}
    tensors |= {f"extra.{name}": value for name, value in _extra(network).items()}
    tensors |= {f"buffer.{name}": value.detach() for name, value in network.named_buffers()}
    for name, parameter in network.named_parameters():
        tensors[f"parameter.{name}"] = parameter.detach()
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{key}.{name}"] = value.detach()
    return tensors, {name: list(parameter.stride()) for name, parameter in network.named_parameters()}


@torch.no_grad()
def give_back(
    network: nn.Module, optimizer: Optimizer, tensors: dict[str, Tensor], strides: dict[str, list[int]]
) -> None:
    """Put back what `take` took, into a network of the same settings.

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
        parameter.data = _laid_out(tensors[f"parameter.{name}"], strides[name])
        optimizer.state[parameter] = _moments(name, parameter, tensors)
    torch.set_rng_state(tensors[RANDOM].clone())


def _extra(network: nn.Module) -> dict[str, Tensor]:
    """What a state_dict holds beside parameters and buffers, such as the route that a layer has chosen."""
    own = {name for name, _ in network.named_parameters()} | {name for name, _ in network.named_buffers()}
    return {name: value for name, value in network.state_dict().items() if name not in own}


def _moments(name: str, parameter: nn.Parameter, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """The optimiser's state of a parameter; what has its shape gets its strides, since the fused step asks for that."""
    state = {}
    for key, value in tensors.items():
        kind, _, rest = key.partition(".")
        which, _, of = rest.partition(".")
        if kind == "optimizer" and of == name:
            same = value.shape == parameter.shape and value.dim() > 0
            state[which] = _laid_out(value, parameter.stride()) if same else value.clone()
    return state


def _laid_out(value: Tensor, strides: list[int] | tuple[int, ...]) -> Tensor:
    return torch.empty_strided(value.shape, tuple(strides), dtype=value.dtype).copy_(value)
