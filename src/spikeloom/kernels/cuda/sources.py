"""Where a scan's currents come from."""

from typing import Any, NamedTuple

from torch import Tensor


class Stored(NamedTuple):
    """Currents `[T, B, N]` that are there, of any float type and any strides in the first two dimensions."""

    current: Tensor

    def arguments(self) -> tuple[Any, ...]:
        """What kernels take."""
        return self.current, *self.current.stride()[:2], None, 0, 0, None, None, None


class Gathered(NamedTuple):
    """Sums of weight rows.

    Args:
        weight: `[N / 64, I, 64]`, of any float type and any strides in the first two dimensions.
        ids: `[K]` int32, with `row_start` and `spike_count` as in `Spikes`.
        row_start: see `ids`.
        spike_count: see `ids`.
    """

    weight: Tensor
    ids: Tensor
    row_start: Tensor
    spike_count: Tensor

    def arguments(self) -> tuple[Any, ...]:
        """What kernels take."""
        return None, 0, 0, self.weight, *self.weight.stride()[:2], self.ids, self.row_start, self.spike_count
