"""A penalty on hidden neurons that spike too rarely or too often."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import relu

from spikeloom.spikes import Spikes
from spikeloom.train import reading


def neuron_counts(spikes: Spikes) -> Float[Tensor, "N"]:
    """How often each neuron spiked, over all steps and samples; gradients reach the entries of `spikes` alone."""
    if spikes.raster is not None and reading.is_late(spikes.spike_count.device):
        # A GPU would be waited for to list ids. The layer lets gradients pass in its window alone.
        return spikes.raster.sum((0, 1), dtype=torch.float32).narrow(0, 0, spikes.neurons)
    counts = spikes.active.new_zeros(spikes.neurons)
    return counts.index_add(0, spikes.ids, spikes.active)


def on_activity(
    counts: Sequence[Float[Tensor, "N"]], rows: int, *, low: float, high: float, strength: float
) -> Float[Tensor, ""]:
    """strength Σ_layers mean_i (max(0, low - r_i)^2 + max(0, r_i - high)^2), r_i the rate of neuron i in spikes a step.

    Rates are means over all steps and samples of a batch. The upper part is the per-neuron regularizer of Zenke and
    Vogels (2021, "The remarkable robustness of surrogate gradient learning", Neural Computation 33), which Cramer et
    al. (2022, "The Heidelberg Spiking Data Sets", IEEE TNNLS 33) use too, and theirs is the lower part: a squared,
    rectified distance from a bound; they bound counts in a sample, here it is the rate, which does not depend on T.

    The gradient reaches a neuron only through steps at which it lies in its gradient window. A neuron that is silent
    and far from its threshold has no such step, so the lower bound cannot wake it: widen the window for this, with
    a low `second_threshold` or `anneal_window`.

    Args:
        counts: by hidden layer, the spikes of each neuron, as `neuron_counts` gives them.
        rows: over how many steps and samples they are, T B.
        low: spikes a step below which a neuron is too quiet, from 0 to 1.
        high: spikes a step above which a neuron is too busy, from 0 to 1.
        strength: the weight of the whole.
    """
    total = torch.zeros(())
    for layer in counts:
        rate = layer / rows
        total = total + (relu(low - rate).square() + relu(rate - high).square()).mean()
    return strength * total
