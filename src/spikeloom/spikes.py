"""The sparse type: which neurons spiked, and which were near to it, at each time step of each sample."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from spikeloom.checks import require

Lists = Callable[[], tuple[Tensor, Tensor, Tensor]]
_LISTED = ("active", "ids", "row_start")


@dataclass(frozen=True, eq=False)
class Spikes:
    """Binary activations of `neurons` neurons over `steps` time steps of `batch` samples, as lists of ids.

    A row is one time step of one sample, and the rows of a sample lie together: row `r = b * steps + t`. A row lists
    the neurons inside their gradient window: first those that spiked, in ascending order, then those that were only
    near their threshold, ascending too. Spikes that come from recordings have no neighbours without a spike.

    Args:
        ids: `[K]` int32, the neurons of all rows, row after row.
        row_start: `[B * T + 1]` int64, where each row begins in `ids`; the last is `K`.
        spike_count: `[B * T]` int32, how many ids of each row spiked.
        active: `[K]` float32, 1 where the neuron spiked and 0 where it was only near. This is what autograd sees: the
            gradient of a loss by these numbers is the gradient by the activations, inside their windows.
        steps: `T`, time steps.
        batch: `B`, samples.
        neurons: `N`, neurons; ids run from 0 to N - 1.
    """

    ids: Int[Tensor, "K"]
    row_start: Int[Tensor, "R1"]
    spike_count: Int[Tensor, "R"]
    active: Float[Tensor, "K"]
    steps: int
    batch: int
    neurons: int
    raster: Tensor | None = field(default=None, init=False, repr=False)
    """The same as a tensor of zeros and ones `[T, B, >= N]`, where a dense layer made one for the next: the gradient by
    the activations is that by `active` and that by this. Spikes that are cut out of others have none."""

    @classmethod
    def from_events(
        cls, sample: np.ndarray, step: np.ndarray, ids: np.ndarray, *, steps: int, batch: int, neurons: int
    ) -> "Spikes":
        """Make spikes from a list of events, in any order; an id that comes twice in a step counts once.

        Args:
            sample: `[K]` integers from 0 to B - 1.
            step: `[K]` integers from 0 to T - 1.
            ids: `[K]` integers from 0 to N - 1.
            steps: T.
            batch: B.
            neurons: N.

        Raises:
            InputError: an array of another length, or a number out of its range.
        """
        for name, values, size in (("sample", sample, batch), ("step", step, steps), ("ids", ids, neurons)):
            require(values.dtype.kind in "iu", name, "integers", values.dtype)
            require(len(values) == len(ids), name, f"{len(ids)} entries, one per event", len(values))
            inside = len(values) == 0 or (int(values.min()) >= 0 and int(values.max()) < size)
            require(inside, name, f"integers from 0 to {size - 1}", "some outside of it")
        # Sorting 32-bit keys takes half the time of 64-bit ones; np.unique takes ten times as long.
        integer = np.int32 if batch * steps * neurons < 1 << 31 else np.int64
        key: np.ndarray = sample.astype(integer) * steps + step.astype(integer)
        key = key * neurons + ids.astype(integer)
        key.sort()
        first = np.ones(len(key), bool)
        np.not_equal(key[1:], key[:-1], out=first[1:])
        key = key[first]
        row = key // neurons
        count = np.bincount(row, minlength=batch * steps)
        start = np.zeros(batch * steps + 1, np.int64)
        np.cumsum(count, out=start[1:])
        return cls(
            ids=torch.from_numpy((key - row * neurons).astype(np.int32)),
            row_start=torch.from_numpy(start),
            spike_count=torch.from_numpy(count.astype(np.int32)),
            # torch.ones would start a team of OpenMP threads wherever a loader's thread runs this.
            active=torch.from_numpy(np.ones(len(key), np.float32)),
            steps=steps,
            batch=batch,
            neurons=neurons,
        )

    @classmethod
    def from_dense(cls, x: Tensor) -> "Spikes":
        """Make spikes from a binary tensor `[T, B, N]` of any dtype.

        Raises:
            InputError: another number of dimensions, or values other than 0 and 1.
        """
        require(x.dim() == 3, "x", "a tensor [T, B, N]", tuple(x.shape))
        require(bool(((x == 0) | (x == 1)).all()), "x", "zeros and ones alone", "other values")
        steps, batch, neurons = x.shape
        spiked = x.detach().transpose(0, 1).reshape(batch * steps, neurons) != 0  # [B * T, N]
        count, ids = spiked.sum(1), spiked.nonzero()[:, 1].to(torch.int32)
        return cls(
            ids=ids,
            row_start=torch.cat([count.new_zeros(1), count.cumsum(0)]),
            spike_count=count.to(torch.int32),
            active=torch.ones(len(ids), device=x.device),
            steps=steps,
            batch=batch,
            neurons=neurons,
        )

    @classmethod
    def unlisted(cls, raster: Tensor, spike_count: Tensor, lists: "Lists", *, steps: int, neurons: int) -> "Spikes":
        """Spikes whose ids are listed when they are first asked for: dense products, which take the raster, never do.

        Args:
            raster: `[T, B, >= N]` zeros and ones.
            spike_count: `[B * T]` int32.
            lists: gives `active`, `ids` and `row_start`.
            steps: T.
            neurons: N.
        """
        spikes = object.__new__(cls)
        fields = {"raster": raster, "spike_count": spike_count, "steps": steps, "batch": raster.shape[1]}
        for name, value in (*fields.items(), ("neurons", neurons), ("_lists", lists)):
            object.__setattr__(spikes, name, value)
        return spikes

    def __getattr__(self, name: str) -> Tensor:
        """Of what is not listed yet; an attribute that is there never comes here."""
        if name not in _LISTED or "_lists" not in self.__dict__:
            raise AttributeError(name)
        with torch.enable_grad():
            made = self.__dict__.pop("_lists")()
        for each, value in zip(_LISTED, made, strict=True):
            object.__setattr__(self, each, value)
        found: Tensor = self.__dict__[name]
        return found

    @property
    def is_listed(self) -> bool:
        """Whether the ids are there. To list them on a GPU, the program waits for it."""
        return "_lists" not in self.__dict__

    @property
    def counts(self) -> Int[Tensor, "T B"]:
        """How many neurons spiked at each time step of each sample."""
        return self.spike_count.view(self.batch, self.steps).T

    @property
    def activity(self) -> float:
        """The fraction of all neurons and steps that spiked, from 0 to 1."""
        return float(self.spike_count.sum()) / max(1, self.steps * self.batch * self.neurons)

    @property
    def window(self) -> float:
        """The fraction of all neurons and steps that lie in their gradient window, spikes included, from 0 to 1."""
        return self.ids.numel() / max(1, self.steps * self.batch * self.neurons)

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        return self.spike_count.device

    def rows(self) -> Int[Tensor, "K"]:
        """The row of each entry of `ids`."""
        sizes = self.row_start[1:] - self.row_start[:-1]
        return torch.repeat_interleave(sizes, output_size=self.ids.numel())

    def dense(self) -> Float[Tensor, "T B N"]:
        """The same activations as a dense tensor of zeros and ones; gradients flow back to `active`, or to the `raster`
        where ids are not listed."""
        if not self.is_listed:
            assert self.raster is not None
            return self.raster[..., : self.neurons].float()
        flat = self.active.new_zeros(self.batch * self.steps * self.neurons)
        flat = flat.index_put((self.rows() * self.neurons + self.ids.long(),), self.active)
        return flat.view(self.batch, self.steps, self.neurons).transpose(0, 1)

    def detach(self) -> "Spikes":
        """The same spikes, cut off from the graph that made them."""
        return self._map(lambda x: x.detach())

    def check_ids(self) -> None:
        """Kernels read the weights that ids name, unchecked; for spikes on the CPU.

        Raises:
            InputError: an id below 0, or above those of the neurons.
        """
        # As unsigned numbers, negative ids are too large as well.
        largest = self.ids.numpy().view(np.uint32).max(initial=0)
        require(bool(largest < self.neurons), "ids", f"neurons from 0 to {self.neurons - 1}", "some outside of it")

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "Spikes":
        """The same spikes on another device, with their raster where they have one; what is not listed stays so.

        Ids that leave the CPU are checked: on a GPU nothing checks them, since the program would wait for the answer.

        Raises:
            InputError: an id below 0, or above those of the neurons.
        """
        if self.is_listed and self.ids.is_cpu and torch.device(device).type != "cpu":
            self.check_ids()
        return self._map(lambda x: x.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "Spikes":
        """The same spikes in page-locked memory, from where a GPU copies while it computes."""
        return self._map(lambda x: x.pin_memory())

    def _map(self, change: Callable[[Tensor], Tensor]) -> "Spikes":
        raster, count = None if self.raster is None else change(self.raster), change(self.spike_count)
        if not self.is_listed:
            assert raster is not None
            lists = partial(_changed, self.__dict__["_lists"], change)
            return Spikes.unlisted(raster, count, lists, steps=self.steps, neurons=self.neurons)
        changed = replace(
            self, ids=change(self.ids), row_start=change(self.row_start), spike_count=count, active=change(self.active)
        )
        object.__setattr__(changed, "raster", raster)
        return changed

    def __getitem__(self, key: slice | tuple[slice, slice]) -> "Spikes":
        """`spikes[t0:t1]` cuts in time, `spikes[t0:t1, b0:b1]` in time and batch; slices step by one.

        On a GPU the program waits for the places to cut at.
        """
        time, batch = key if isinstance(key, tuple) else (key, slice(None))
        for name, part in (("time", time), ("batch", batch)):
            require(isinstance(part, slice) and part.step in (None, 1), f"{name} index", "a slice of step 1", part)
        steps, samples = range(self.steps)[time], range(self.batch)[batch]
        cut = (slice(samples.start, samples.stop), slice(steps.start, steps.stop))
        first, after = (self._by_sample(bound)[cut] for bound in (self.row_start[:-1], self.row_start[1:]))  # [B, T]
        sizes = (after - first).reshape(-1)
        # A sample's rows lie together, so its part of the entries is one run: what lies between runs is left out.
        runs = torch.stack([first[:, 0], after[:, -1]], 1).flatten().tolist() if len(sizes) else []
        lengths = [end - begin for begin, end in pairwise([0, *runs, self.ids.numel()])]
        return replace(
            self,
            ids=torch.cat(torch.split(self.ids, lengths)[1::2] or [self.ids[:0]]),
            row_start=torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]),
            spike_count=self._by_sample(self.spike_count)[cut].reshape(-1),
            active=torch.cat(torch.split(self.active, lengths)[1::2] or [self.active[:0]]),
            steps=len(steps),
            batch=len(samples),
        )

    def _by_sample(self, rows: Int[Tensor, "R"]) -> Int[Tensor, "B T"]:
        return rows.view(self.batch, self.steps)

    def __repr__(self) -> str:
        # To print must neither make a program wait for a GPU nor fail where there are no numbers, as on "meta".
        numbers = f"activity={self.activity:.2%}, window={self.window:.2%}, " if self.device.type == "cpu" else ""
        sizes = f"steps={self.steps}, batch={self.batch}, neurons={self.neurons}"
        return f"Spikes({sizes}, {numbers}device={self.device})"


def _changed(lists: Lists, change: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    active, ids, row_start = lists()
    return change(active), change(ids), change(row_start)
