"""The adjoint of a layer of neurons that hear each other, some samples at a time."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikeloom.ops.arrays import BLOCK, array, flat, kernels, run, spike_words, unsigned, width, zeros
from spikeloom.ops.scans import Layer, Record, Upstream, added_up, columns_room, given

CHUNKS = 3
"""So many chunks of samples are under way at once."""

MOST_ADJOINTS = 1 << 24
"""Numbers in the adjoints under way, 64 MB; of long recordings fewer are taken at once."""


def chunk_size(batch: int, steps: int, neurons: int) -> int:
    """How many samples a chunk of the backward pass has: enough for all threads, and not too many to hold."""
    largest = MOST_ADJOINTS // (CHUNKS * steps * neurons)
    return max(1, min(batch, max(4, 2 * torch.get_num_threads()), largest))


class Adjoint:
    """The adjoint of a layer, from what its forward pass left; some samples at a time.

    Args:
        layer: its sizes and numbers.
        record: what the forward pass left.
        upstream: the loss's derivatives by what the layer returned.
        recurrent: `[N / 64, N, 64]`.
    """

    def __init__(self, layer: Layer, record: Record, upstream: Upstream, recurrent: Tensor) -> None:
        self.layer, self.record, self.recurrent = layer, record, recurrent
        neurons, equations = layer.parameters.shape[1], layer.equations
        batch = record.spikes.shape[1] // layer.steps
        last_state = given(upstream.last_state, equations.states, batch, neurons)
        last_spike = given(upstream.last_spike, batch, neurons)
        kept = record.kept if record.kept.numel() else record.near
        self._record = kernels("adjoint").Record(
            unsigned(record.spikes),
            unsigned(record.near),
            unsigned(kept),
            spike_words(record.first_spike, recurrent.shape[0], batch),
            array(record.slope),
            array(record.entry_end),
            array(record.history),
        )
        self._upstream = kernels("adjoint").Upstream(
            array(given(upstream.active, int(record.row_start[-1]))),
            array(record.row_start),
            array(record.row_start)[:-1] + array(record.spike_count),
            array(last_state),
            array(last_spike),
        )
        self._d_recurrent, self._d_bias = zeros(*recurrent.shape), zeros(neurons)
        self._d_state, self._d_spike = torch.empty_like(last_state), torch.empty_like(last_spike)
        self._d_first = torch.empty(batch, neurons)
        self._d_learned = torch.empty(batch, len(equations.learned), neurons)
        self._inner = kernels("adjoint").Inner(
            flat(recurrent),
            flat(self._d_recurrent),
            columns_room(batch, neurons, record.slope.shape[0]),
        )

    def room(self, samples: int) -> Tensor:
        """Room for the adjoints of so many samples, `[b, N / 64, T, 64]`."""
        return torch.empty(samples, self.recurrent.shape[0], self.layer.steps, BLOCK)

    def run(self, outside: Any, first: int, end: int, *, chunk: int, parts: int, d_current: Tensor) -> None:
        """Run the samples from `first` to before `end`; the arguments are the kernel's."""
        run(
            kernels("recurrent").backward,
            width(),
            self.layer.equations,
            array(self.layer.parameters),
            self._record,
            self._upstream,
            outside,
            self._inner,
            self.layer.steps,
            first,
            end,
            chunk,
            parts,
            np.zeros((3, -(-(end - first) // chunk)), np.int64),
            array(d_current),
            array(self._d_bias),
            array(self._d_learned),
            array(self._d_state),
            array(self._d_spike),
            array(self._d_first),
        )

    def gradients(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """By the bias, the parameters, the state and the spikes before the first step, and by `recurrent`."""
        if self.record.first_spike is not None:
            _add_first_step(self.record.first_spike, self._d_first, self.recurrent, self._d_recurrent, self._d_spike)
        d_parameters = self.layer.by_parameter(added_up(self._d_learned))
        return self._d_bias, d_parameters, self._d_state, self._d_spike, self._d_recurrent


def _add_first_step(spike: Tensor, d_first: Tensor, recurrent: Tensor, d_recurrent: Tensor, d_spike: Tensor) -> None:
    """The first step heard spikes that came with the state, of any neuron."""
    for k, d in enumerate(d_first.split(recurrent.shape[2], dim=1)):
        d_recurrent[k].addmm_(spike.T, d)
        d_spike.addmm_(d, recurrent[k].T)
