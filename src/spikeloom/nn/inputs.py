"""What a layer accepts as its input, and which route that takes.

A question to a GPU makes the program wait until the GPU has done all that it was given. So what is checked of numbers
on the CPU is not checked on a GPU: ids are, when `Spikes.to` takes them there, and numbers that are not finite show in
the loss, and in the weights after a step, which training checks. Until then a neuron whose membrane is NaN is silent.
"""

import numpy as np
import torch
from torch import Tensor, nn

from spikeloom import ops
from spikeloom.checks import require
from spikeloom.nn.precision import bf16_wanted
from spikeloom.ops.choice import Route, choose, crossover
from spikeloom.spikes import Spikes


def checked(x: Spikes | Tensor, features: int, weight: Tensor, *, dense: bool = False) -> Spikes | Tensor:
    """The input, with a binary tensor turned into spikes unless the dense route is sure to take it.

    A GPU is asked whether a tensor is binary, unless the dense route takes it and it is of float32 or bool.

    Args:
        x: what a layer was called with.
        features: the inputs that it has weights for.
        weight: of the layer.
        dense: whether the layer takes the dense route, whatever comes.

    Raises:
        InputError: another number of inputs or dimensions, no step or no sample, ids of neurons that are not there, a
            dtype without a kernel, or another device than the weights'.
    """
    remedy = "there is no kernel for it: call .float() on the network"
    require(weight.dtype == torch.float32, "weight", "float32", weight.dtype, remedy)
    if isinstance(x, Spikes):
        require(x.neurons == features, "input", f"{features} neurons, the layer's in_features", x.neurons)
        _check_not_empty(x.steps, x.batch)
        _check_device(x, weight)
        if x.raster is None:  # else the ids are a layer's own, and perhaps not listed
            check_ids(x)
        return x
    require(isinstance(x, Tensor), "input", "Spikes or a tensor [T, B, N]", type(x).__name__)
    wanted = f"a tensor [T, B, {features}]"
    require(x.dim() == 3 and x.shape[2] == features, "input", wanted, tuple(x.shape))
    _check_not_empty(*x.shape[:2])
    _check_device(x, weight)
    known = x.dtype == torch.float32 or (x.dtype == torch.bfloat16 and bf16_wanted(x.device))
    if known and (dense or x.requires_grad):
        return x
    if dense and x.dtype == torch.bool:
        return x.float()
    if x.requires_grad or not _is_binary(x):
        require(known, "input", "float32", x.dtype, "there is no kernel for it: call .float()")
        return x
    return x.float() if dense else Spikes.from_dense(x)


def _is_binary(x: Tensor) -> bool:
    """Whether there are zeros and ones alone; a single row tells most inputs that are not."""
    return all(bool(((part == 0) | (part == 1)).all()) for part in (x[0, 0], x))


def _check_not_empty(steps: int, batch: int) -> None:
    require(steps > 0 and batch > 0, "input", "at least one step and one sample", f"T = {steps}, B = {batch}")


def _check_device(x: Spikes | Tensor, weight: Tensor) -> None:
    if x.device != weight.device:
        remedy = "move the input, or the network, with .to(device)"
        require(False, "input", f"one on {weight.device}, where the weights are", x.device, remedy)


def check_ids(x: Spikes) -> None:
    """Kernels read the weight rows that ids name, unchecked; on a GPU this does nothing, see `Spikes.to`.

    Raises:
        InputError: an id below 0, or above those of the neurons.
    """
    if not torch.compiler.is_compiling() and x.ids.is_cpu:
        x.check_ids()


def as_tensor(x: Spikes | Tensor) -> Spikes | Tensor:
    """A dense layer's spikes as the tensor that it has made of them, anything else as it is."""
    if isinstance(x, Spikes) and x.raster is not None:
        return x.raster[..., : x.neurons]
    return x


def is_dense(sparse: bool | str, chosen: Route | None) -> bool:
    """Whether a layer takes the dense route, whatever comes; the arguments are those of `route_for`."""
    return sparse is False or (sparse == "auto" and chosen is not None and chosen.kept and not chosen.sparse)


def route_for(x: Spikes | Tensor, *, sparse: bool | str, chosen: Route | None) -> Route:
    """The route for an input.

    Args:
        x: the input.
        sparse: what the user asked for: True, False or "auto".
        chosen: what "auto" chose before, None if it has not.

    Raises:
        InputError: the sparse route is demanded for an input that is not binary.
    """
    if isinstance(x, Tensor):
        if sparse == "auto" and chosen is not None and is_dense(sparse, chosen):
            return chosen
        if sparse is False:
            return Route(False, "sparse=False was asked for")
        require(sparse is not True, "input", "Spikes or zeros and ones, as sparse=True demands", "real numbers")
        return Route(False, "the input is real-valued")
    if sparse != "auto":
        return Route(bool(sparse), f"sparse={sparse} was asked for")
    if chosen is not None and chosen.kept:
        return chosen
    window = x.window if x.active.requires_grad else 0.0
    return choose(activity=x.activity, window=window, crossover=crossover(x.device, low=bf16_wanted(x.device)))


def currents_of(x: Spikes | Tensor, weight: Tensor) -> Tensor:
    """The currents `[T, B, N]` of all steps by one dense product, in bfloat16 where torch's autocast asks for it.

    Args:
        x: the input.
        weight: `[N / 64, I, 64]`.
    """
    low = bf16_wanted(weight.device)
    if isinstance(x, Spikes) and x.raster is None:
        rows = (x.ids, x.row_start, x.spike_count, x.active)
        current: Tensor = ops.currents_of_spikes(*rows, weight, x.steps, low)
    else:
        current = ops.currents(x.raster if isinstance(x, Spikes) else x, weight, low)
    return current


def check_finite(layer: nn.Module, values: Tensor) -> None:
    """Find NaN and infinite weights at the step where they first act; on the CPU alone.

    Args:
        layer: to name.
        values: the membranes after the last step, in which such numbers stay, or an output without states.

    Raises:
        InputError: naming the layer.
    """
    if torch.compiler.is_compiling() or not values.is_cpu:
        return
    name = getattr(layer, "label", type(layer).__name__)
    finite = bool(np.isfinite(values.detach().numpy()).all())  # torch would wake its threads for so little
    what = "outputs" if isinstance(layer, nn.Linear) else "membranes"
    require(finite, name, f"finite {what}", "NaN or infinity in them", "its weights or its input are not finite")
