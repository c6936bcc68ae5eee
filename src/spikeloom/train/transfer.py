"""Batches on their way to a GPU: while it works on one, the next is being copied."""

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor

from spikeloom.spikes import Spikes


class Batches(Protocol):
    """What yields batches of samples and labels anew for each epoch."""

    def __iter__(self) -> Iterator[tuple[Any, Tensor]]: ...
    def __len__(self) -> int: ...


def to_device(batches: Batches, device: torch.device) -> Batches:
    """Batches whose samples come on a device; their labels stay on the CPU, where they are compared with what is found.

    Args:
        batches: of samples on the CPU; of those of another make, any device.
        device: where to; for the CPU the batches are returned as they are.
    """
    return Ahead(batches, device) if device.type == "cuda" else batches


class Ahead:
    """Batches copied to a GPU one ahead, on a stream of their own.

    A copy runs beside the computing only if it begins in page-locked memory. A `Loader(pin=True)` prepares its batches
    there, in its thread; others are brought there first.

    Args:
        batches: of samples and labels.
        device: a GPU, with its number.
    """

    def __init__(self, batches: Batches, device: torch.device) -> None:
        self._batches, self._device = batches, device

    @property
    def busy_s(self) -> float:
        """The seconds of processor time that batches took to prepare, where what yields them counts that."""
        return float(getattr(self._batches, "busy_s", 0.0))

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[Any, Tensor]]:
        copies: torch.cuda.Stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        rest = iter(self._batches)
        try:
            coming = self._sent(next(rest, None), copies)
            while coming is not None:
                now, computing = coming, torch.cuda.current_stream(self._device)
                # Before the next copy begins, which need not be waited for.
                computing.wait_stream(copies)
                for tensor in _tensors(now[0]):
                    # Its memory is not taken again before this stream, too, is done with it.
                    tensor.record_stream(computing)
                coming = self._sent(next(rest, None), copies)
                yield now
        finally:
            close = getattr(rest, "close", None)
            if close is not None:
                close()

    def _sent(self, batch: tuple[Any, Tensor] | None, copies: torch.cuda.Stream) -> tuple[Any, Tensor] | None:
        """A batch whose copy has begun; None for none."""
        if batch is None:
            return None
        x, labels = batch[0], batch[1].cpu()
        first = _tensors(x)[0]
        if first.is_cpu and not first.is_pinned():
            x = x.pin_memory()
        with torch.cuda.stream(copies):
            # The loss copies the labels, a few bytes.
            return x.to(self._device, non_blocking=True), labels if labels.is_pinned() else labels.pin_memory()


def _tensors(x: Any) -> list[Tensor]:
    return [x.row_start, x.ids, x.spike_count, x.active] if isinstance(x, Spikes) else [x.values]
