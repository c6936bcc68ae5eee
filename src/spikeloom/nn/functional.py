"""The paper's two sparse operations, for time loops of one's own: the sparse product and the selection of spikes."""

import torch
from jaxtyping import Float
from torch import Tensor

from spikeloom import ops
from spikeloom.checks import require
from spikeloom.nn.inputs import check_ids
from spikeloom.nn.numbers import per_neuron
from spikeloom.ops.arrays import BLOCK, padded
from spikeloom.spikes import Spikes
from spikeloom.surrogates import SuperSpike, Surrogate

_SURROGATE = SuperSpike(10.0)


def sparse_product(spikes: Spikes, weight: Float[Tensor, "K I 64"], neurons: int) -> Float[Tensor, "T B N"]:
    """Sum the weight rows of the inputs that spiked: I[t] = W X[t] (Finkbeiner et al. 2024).

    Gradients come for the rows of inputs that spiked, and for inputs inside their window.

    Args:
        spikes: of I neurons.
        weight: in blocks of 64 neurons, as `nn.to_blocks` makes them from a matrix `[N, I]`.
        neurons: N.

    Raises:
        InputError: weights of another size, or ids of neurons that are not there.
    """
    wanted = (padded(neurons) // BLOCK, spikes.neurons, BLOCK)
    require(tuple(weight.shape) == wanted, "weight", f"blocks {wanted}", tuple(weight.shape), "see nn.to_blocks")
    check_ids(spikes)
    rows: Tensor = ops.product(spikes.ids, spikes.row_start, spikes.spike_count, spikes.active, weight.contiguous())
    return rows.view(spikes.batch, spikes.steps, -1).transpose(0, 1)[..., :neurons]


def select_spikes(
    membrane: Float[Tensor, "T B N"],
    *,
    threshold: float | Tensor = 1.0,
    second_threshold: float | Tensor = 0.9,
    surrogate: Surrogate = _SURROGATE,
) -> Spikes:
    """Spikes where the membrane is at least the threshold, with the window from the second threshold on.

    The gradient by the membrane is the surrogate's, inside the window, and zero elsewhere (Finkbeiner et al. 2024).

    Args:
        membrane: float32.
        threshold: a number or `[N]`.
        second_threshold: at most the threshold; a number or `[N]`, -inf for no window.
        surrogate: whose derivative stands for the spike's.

    Raises:
        InputError: a second threshold above the threshold, or a membrane of another shape or dtype.
    """
    require(membrane.dim() == 3, "membrane", "a tensor [T, B, N]", tuple(membrane.shape))
    require(membrane.dtype == torch.float32, "membrane", "float32", membrane.dtype, "call .float()")
    steps, batch, neurons = membrane.shape
    high = per_neuron("threshold", threshold, neurons, device=membrane.device)
    low = per_neuron("second_threshold", second_threshold, neurons, device=membrane.device)
    require(bool((low <= high).all()), "second_threshold", "at most the threshold", second_threshold)
    missing = (0, padded(neurons) - neurons)
    margin = torch.nn.functional.pad((membrane - high).transpose(0, 1).reshape(-1, neurons), missing)
    depth = torch.nn.functional.pad((low - high).expand(neurons), missing, value=torch.inf)
    active, ids, row_start, spike_count, _ = ops.select(margin, depth, surrogate.spec)
    return Spikes(ids, row_start, spike_count, active, steps, batch, neurons)
