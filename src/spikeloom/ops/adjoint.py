"""The adjoint of a layer of neurons that hear each other, some samples at a time."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikeloom.ops.arrays import BLOCK, array, flat, kernels, lasting, run, scratch, spike_words, unsigned, width, zeros
from spikeloom.ops.pool import recycled
from spikeloom.ops.scans import Layer, Record, Upstream, added_up, given, weights
from spikeloom.ops.together import UNITS, Together, cut, stretch_of, team

TABLE_ROWS = 2048
"""So many of a block's adjoints, 512 KB, stay in a core's L2 cache until they are summed."""


def stretches_of(steps: int, samples: int) -> int:
    """Into how many stretches the steps of a backward pass are cut."""
    return -(-steps // stretch_of(TABLE_ROWS, samples, steps))


def lists_room(name: str, stretches: int, inputs: int, spikes: int) -> Any:
    """Room for the places of so many spikes by neuron, the same at each call."""
    places = lasting(name, max(spikes, 1)).view(np.uint32)
    return kernels("columns").Columns(np.empty((stretches, inputs + 1), np.uint32), places)


class Adjoint:
    """The adjoint of a layer, from what its forward pass left; some samples at a time.

    Args:
        layer: its sizes and numbers.
        record: what the forward pass left.
        upstream: the loss's derivatives by what the layer returned.
        recurrent: `[N / 64, N, 64]`, and the same in bfloat16 or None; see `ops.shadow`.
        order: how samples are grouped.
    """

    def __init__(
        self,
        layer: Layer,
        record: Record,
        upstream: Upstream,
        recurrent: tuple[Tensor, Tensor | None],
        order: Together,
    ) -> None:
        self.layer, self.record, self.recurrent, self.order = layer, record, recurrent[0], order
        neurons, equations, batch = layer.parameters.shape[1], layer.equations, order.batch
        last_state = given(upstream.last_state, equations.states, batch, neurons)
        last_spike = given(upstream.last_spike, batch, neurons)
        kept = record.kept if record.kept.numel() else record.near
        self._record = kernels("adjoint").Record(
            unsigned(record.spikes),
            unsigned(record.near),
            unsigned(kept),
            spike_words(record.first_spike, order.blocks, batch),
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
        self._weight = weights(*recurrent)
        self._d_recurrent, self._d_bias = recycled(*self.recurrent.shape), zeros(neurons)
        self._d_state, self._d_spike = torch.empty_like(last_state), torch.empty_like(last_spike)
        self._d_first = torch.empty(batch, neurons)
        self._d_learned = zeros(batch, len(equations.learned), neurons)

    def run(self, outside: Any, group: int, *, parts: int, table: np.ndarray | None = None) -> None:
        """Run a group of samples; the groups come in their order.

        Args:
            outside: the kernel's `Input`.
            group: which.
            parts: the kernel's.
            table: `[N / 64, T, samples, 64]`, written with all adjoints; None where they are only summed.
        """
        first, end = self.order.bounds()[group]
        steps, neurons = self.layer.steps, self.layer.parameters.shape[1]
        stretch = steps if table is not None else stretch_of(TABLE_ROWS, end - first, steps)
        stretches = -(-steps // stretch)
        run(
            kernels("adjoint").backward,
            width(),
            self.layer.equations,
            array(self.layer.parameters),
            self._record._replace(entry_end=self._record.entry_end[self.order.of_group(group)]),
            self._upstream,
            outside,
            kernels("adjoint").Inner(
                self._weight,
                flat(self._d_recurrent),
                lists_room("inner_places", stretches, neurons, self.record.slope.shape[0]),
            ),
            steps,
            first,
            end,
            self.order.slices,
            stretch,
            parts,
            max(1, UNITS // parts),
            group == 0,
            team(1 + steps + stretches),
            self._room(end - first, stretch, table),
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

    def _room(self, samples: int, stretch: int, table: np.ndarray | None) -> Any:
        """The kernel's `Room`."""
        neurons, blocks = self.layer.parameters.shape[1], self.order.blocks
        cells = samples * neurons
        # Blocks as far apart as a power of two would share a few sets of the cache.
        rows = 0 if table is not None else blocks * ((stretch + 1) * samples + 1) * BLOCK
        sizes = self._weight.size, self.layer.equations.states * cells, cells, rows
        sent, states, fed, own = cut(scratch(sum(sizes)), *sizes)
        fired = np.empty((stretch + 1, blocks, samples), np.uint64)
        return kernels("adjoint").Room(
            sent.view(self._weight.dtype),
            states,
            fed,
            own if table is None else table.reshape(-1),
            fired,
            np.empty((2, *fired[1:].shape), np.uint64),
            np.empty(self.order.units, np.int64),
            np.empty((2, -(-self.layer.steps // stretch)), np.uint64),
        )


def _add_first_step(spike: Tensor, d_first: Tensor, recurrent: Tensor, d_recurrent: Tensor, d_spike: Tensor) -> None:
    """The first step heard spikes that came with the state, of any neuron."""
    for k, d in enumerate(d_first.split(recurrent.shape[2], dim=1)):
        d_recurrent[k].addmm_(spike.T, d)
        d_spike.addmm_(d, recurrent[k].T)
