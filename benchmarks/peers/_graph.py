"""A training step as a CUDA graph: recorded once, and replayed with one launch.

What is recorded has fixed addresses and sizes, and asks the GPU nothing. As `spikeloom.bench.gpu.captured` does it, in
an environment that may not have spikeloom.
"""

from collections.abc import Callable

import torch
from torch import Tensor

NO_CPU = "a CUDA graph needs a GPU"
"""Why adapters that record their step have no rows on CPUs."""

WARM_UP = 3
"""Steps before the recording: libraries set themselves up, kernels are compiled, moments come to be."""


class Captured:
    """A step that is recorded when it is called for the second time; the first call warms up.

    Args:
        step: clears gradients, computes the loss and its gradients, takes the optimiser's step, and returns the loss.
        device: the GPU on which it does all that.
    """

    def __init__(self, step: Callable[[], Tensor], device: torch.device) -> None:
        self._step, self._device = step, device
        self._graph: torch.cuda.CUDAGraph | None = None
        self._warm = False
        self._loss = torch.empty(0)

    def __call__(self) -> Tensor:
        """A step; the loss, in memory that the next one overwrites."""
        if not self._warm:
            return self._warm_up()
        if self._graph is None:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._loss = self._step()
            self._graph = graph
        # Recording does no work; the replay does.
        self._graph.replay()
        return self._loss

    def _warm_up(self) -> Tensor:
        """Steps on a stream of their own, as torch asks for before a recording."""
        stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        before = torch.cuda.current_stream(self._device)
        stream.wait_stream(before)
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                loss = self._step()
        before.wait_stream(stream)
        self._warm = True
        return loss
