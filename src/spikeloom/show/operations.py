"""Synaptic operations: the additions that spikes ask for, beside the multiply-adds of the same network made dense.

`COUNTING` says how they are counted, here and on the page.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64
from torch import nn

from spikeloom.nn import Spiking
from spikeloom.show.passes import Flow
from spikeloom.spikes import Spikes

PARTS = ("forward", "backward")

COUNTING = (
    "An operation is one weight's part in one sum: an addition where the input is a spike, a multiply-add in a dense "
    "product. A layer has N neurons, I inputs, and T steps for a sample.",
    "Forward: each input spike costs N additions. A recurrent layer adds N for each of its own spikes but those of the "
    "last step, which nobody hears.",
    "Backward: each input spike costs N additions to the gradient by the weights, and each input inside its gradient "
    "window N multiply-adds for the gradient by that input. The first layer's inputs are data and take no gradient. A "
    "recurrent layer's own spikes and window, but for the last step, cost the same again.",
    "Dense: T I N forward, T I N for the gradient by the weights, T I N for that by the inputs (not of the first "
    "layer); a recurrent layer adds (T - 1) N N to each of the three.",
    "What a layer on its dense route does counts as dense on both sides; sums between the neurons of a recurrent layer "
    "are sparse on either route.",
    "Left out: the neurons' own arithmetic, which is a few operations per neuron and step in either case, biases, and "
    "the padding of N to whole blocks of 64.",
    "Backward is what a training step on these samples would do, with the weights and thresholds of the chosen epoch.",
)


@dataclass(frozen=True)
class Work:
    """Operations of a layer for each sample of a batch: `[B]` done, and how many a dense network does for a sample."""

    forward: Int64[np.ndarray, "B"]
    backward: Int64[np.ndarray, "B"]
    dense_forward: int
    dense_backward: int


def count(flow: Flow, *, first: bool) -> Work:
    """The operations of a layer for each sample of a batch, counted as `COUNTING` says.

    Args:
        flow: the layer at work.
        first: whether its inputs are data, which take no gradient.
    """
    layer, x, outputs = flow.layer, flow.x, flow.layer.out_features
    gradients = 1 if first else 2
    product = x.steps * x.neurons * outputs
    dense_forward, dense_backward = product, gradients * product
    if is_sparse(layer):
        forward = outputs * _spikes(x)
        backward = forward if first else forward + outputs * _window(x)
    else:
        forward = np.full(x.batch, product, np.int64)
        backward = gradients * forward
    if isinstance(layer, Spiking) and layer.recurrent_weight is not None and flow.own is not None:
        heard = flow.own[: x.steps - 1]
        inner = outputs * _spikes(heard)
        forward, backward = forward + inner, backward + inner + outputs * _window(heard)
        dense_forward += (x.steps - 1) * outputs**2
        dense_backward += 2 * (x.steps - 1) * outputs**2
    return Work(forward, backward, dense_forward, dense_backward)


def is_sparse(layer: nn.Module) -> bool:
    """Whether a layer sums the weight rows of spikes; else it does a dense product."""
    if isinstance(layer, Spiking):
        return layer.route is None or layer.route.sparse
    return not isinstance(layer, nn.Linear)


def _spikes(x: Spikes) -> Int64[np.ndarray, "B"]:
    """Spikes of each sample."""
    spikes: np.ndarray = x.spike_count.numpy().reshape(x.batch, x.steps).sum(1, dtype=np.int64)
    return spikes


def _window(x: Spikes) -> Int64[np.ndarray, "B"]:
    """Entries inside the gradient window, spikes included, of each sample."""
    sizes = np.diff(x.row_start.numpy())
    window: np.ndarray = sizes.reshape(x.batch, x.steps).sum(1, dtype=np.int64)
    return window
